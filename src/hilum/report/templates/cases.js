// Films one by one: what each arm says of them, where it looks, and where people drew.
for (const figure of document.querySelectorAll("figure.cases")) {
  const { findings, arms, cuts, cases } = JSON.parse(figure.querySelector(".films").textContent);
  const of = (name) => figure.querySelector(`.${name}`);
  const views = of("views"), body = figure.querySelector("tbody");
  const HEAT = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];
  let chosen = [], at = 0;
  const make = (tag, text, kind) => Object.assign(document.createElement(tag), { textContent: text ?? "", className: kind ?? "" });
  const finding = () => of("finding").selectedIndex;
  const called = (film, arm, f) => film.scores[arm][f] === null ? null : film.scores[arm][f] >= (cuts[arm][f] ?? 0.5);
  const right = (film, arm, f) => {
    const call = called(film, arm, f);
    return call === null || film.labels[f] === null ? null : call === (film.labels[f] === 1);
  };
  const mapped = (film, f) => arms.map((_, arm) => arm).filter((arm) => film.heat[`${arm}/${f}`]);
  const every = (film, f, wanted) => arms.every((_, arm) => right(film, arm, f) === wanted);
  const rules = {
    all: () => true,
    positive: (film, f) => film.labels[f] === 1,
    negative: (film, f) => film.labels[f] === 0,
    right: (film, f) => every(film, f, true),
    wrong: (film, f) => every(film, f, false),
    disagree: (film, f) => new Set(arms.map((_, arm) => called(film, arm, f)).filter((call) => call !== null)).size > 1,
    boxed: (film, f) => film.boxes.some((box) => box[0] === findings[f]),
    mapped: (film, f) => mapped(film, f).length > 0,
  };
  const asked = (film, f) => {
    const [, rule] = of("show").value.match(/^chosen (.*)/) ?? [];
    return rule ? film.chosen[f] === rule : rules[of("show").value](film, f);
  };
  const overlay = ([columns, rows, packed]) => {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const small = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
    const picture = new ImageData(columns, rows);
    bytes.forEach((value, i) => {
      const place = (value / 255) * (HEAT.length - 1), low = Math.min(Math.floor(place), HEAT.length - 2);
      for (let c = 0; c < 3; c++) picture.data[4 * i + c] = HEAT[low][c] + (place - low) * (HEAT[low + 1][c] - HEAT[low][c]);
      picture.data[4 * i + 3] = Math.min(255, 1.6 * value);
    });
    small.getContext("2d").putImageData(picture, 0, 0);
    return small;
  };
  const paint = () => {
    for (const view of figure.querySelectorAll(".view")) {
      const { film, picture, heat, f } = view, canvas = view.firstChild;
      if (!picture.complete) continue;
      const pen = canvas.getContext("2d");
      const scale = Math.max(2, 512 / film.width);
      [canvas.width, canvas.height] = [Math.round(scale * film.width), Math.round(scale * film.height)];
      pen.imageSmoothingQuality = "high";
      pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
      if (heat) {
        pen.globalAlpha = of("opacity").value / 100;
        pen.drawImage(heat, 0, 0, canvas.width, canvas.height);
        pen.globalAlpha = 1;
      }
      if (!of("boxes")?.checked) continue;
      pen.lineWidth = canvas.width / 160;
      pen.strokeStyle = "#56d4f7";
      for (const [name, x, y, width, height] of film.boxes) {
        if (name === findings[f]) pen.strokeRect(x * canvas.width, y * canvas.height, width * canvas.width, height * canvas.height);
      }
    }
  };
  const verdict = (film, arm, f) => {
    const score = film.scores[arm]?.[f];
    if (score === undefined || score === null) return ["–", "faint"];
    const ok = right(film, arm, f);
    const says = called(film, arm, f) ? "positive" : "negative";
    return [`${score.toFixed(3)} ${says}${ok === null ? "" : ok ? ", right" : ", wrong"}`, ok === false ? "worse" : ""];
  };
  const viewOf = (film, f, arm, picture) => {
    const view = make("div", "", "view"), canvas = make("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Film ${film.id}${arm === null ? "" : `, heat-map of ${arms[arm]} for ${findings[f]}`}`);
    view.append(canvas, make("p", arm === null ? (of("opacity") ? "no heat-map of this film and finding" : "") : arms[arm]));
    if (arm !== null) view.lastChild.append(make("br"), make("span", ...verdict(film, arm, f)));
    return Object.assign(view, { film, picture, f, heat: arm === null ? null : overlay(film.heat[`${arm}/${f}`]) });
  };
  const pictureOf = (film) => Object.assign(new Image(), { src: film.film, onload: paint });
  const label = (value) => value === 1 ? "positive" : value === 0 ? "negative" : "not known";
  const show = () => {
    of("walk").querySelector("output").textContent = chosen.length ? `${at + 1} of ${chosen.length}` : "no such film";
    views.replaceChildren();
    body.replaceChildren();
    of("film-name").textContent = "";
    if (!chosen.length) return;
    const film = chosen[at], f = finding();
    of("film-name").textContent = [film.id, film.about, `${findings[f]}: ${label(film.labels[f])}`].filter(Boolean).join(" · ");
    const picture = pictureOf(film), seen = mapped(film, f);
    for (const arm of seen.length ? seen : [null]) views.append(viewOf(film, f, arm, picture));
    findings.forEach((name, i) => {
      const row = make("tr", "", i === f ? "chosen" : "");
      const cells = [make("th", name), make("td", label(film.labels[i]), film.labels[i] === 1 ? "" : "faint")];
      cells[0].scope = "row";
      arms.forEach((_, arm) => { const [text, kind] = verdict(film, arm, i); cells.push(make("td", text, `number ${kind}`)); });
      row.append(...cells);
      body.append(row);
    });
  };
  const choose = () => {
    const now = chosen[at], f = finding();
    chosen = cases.filter((film) => asked(film, f));
    at = Math.max(0, chosen.indexOf(now));
    show();
  };
  const lay = () => {
    of("gallery").replaceChildren();
    of("words").textContent = of("rule").selectedOptions[0].title;
    findings.forEach((name, f) => {
      for (const film of cases.filter((film) => film.chosen[f] === of("rule").value && mapped(film, f).length)) {
        const card = make("div", "", "card"), picture = pictureOf(film);
        card.append(make("p", `${name}: ${label(film.labels[f])}`), ...mapped(film, f).map((arm) => viewOf(film, f, arm, picture)), make("p", film.id));
        of("gallery").append(card);
      }
    });
  };
  const step = (by) => { if (chosen.length) { at = (at + by + chosen.length) % chosen.length; show(); } };
  of("back").addEventListener("click", () => step(-1));
  of("on").addEventListener("click", () => step(1));
  of("finding").addEventListener("change", choose);
  of("show").addEventListener("change", choose);
  of("opacity")?.addEventListener("input", paint);
  of("boxes")?.addEventListener("change", paint);
  const maps = findings.map((_, f) => cases.filter((film) => arms.some((_, arm) => film.heat[`${arm}/${f}`])).length);
  of("finding").selectedIndex = maps.indexOf(Math.max(...maps));
  choose();
  of("rule")?.addEventListener("change", lay);
  if (of("rule")) lay();
}
