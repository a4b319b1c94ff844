// Case browser: scores of each arm, heat maps and annotated boxes of one image.
for (const figure of document.querySelectorAll("figure.cases")) {
  const { findings, arms, cuts, default_cut, cases } = JSON.parse(figure.querySelector(".images").textContent);
  const of = (name) => figure.querySelector(`.${name}`);
  const views = of("views"), body = figure.querySelector("tbody");
  const HEAT = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];
  let chosen = [], at = 0;
  const make = (tag, text, kind) => Object.assign(document.createElement(tag), { textContent: text ?? "", className: kind ?? "" });
  const finding = () => of("finding").selectedIndex;
  const called = (image, arm, f) => image.scores[arm][f] === null ? null : image.scores[arm][f] >= (cuts[arm][f] ?? default_cut);
  const right = (image, arm, f) => {
    const call = called(image, arm, f);
    return call === null || image.labels[f] === null ? null : call === (image.labels[f] === 1);
  };
  const mapped = (image, f) => arms.map((_, arm) => arm).filter((arm) => image.heat[`${arm}/${f}`]);
  const every = (image, f, wanted) => arms.every((_, arm) => right(image, arm, f) === wanted);
  const rules = {
    all: () => true,
    positive: (image, f) => image.labels[f] === 1,
    negative: (image, f) => image.labels[f] === 0,
    right: (image, f) => every(image, f, true),
    wrong: (image, f) => every(image, f, false),
    disagree: (image, f) => new Set(arms.map((_, arm) => called(image, arm, f)).filter((call) => call !== null)).size > 1,
    boxed: (image, f) => image.boxes.some((box) => box[0] === findings[f]),
    mapped: (image, f) => mapped(image, f).length > 0,
  };
  const asked = (image, f) => {
    const { value, dataset } = of("show").selectedOptions[0];
    return dataset.rule ? image.chosen[f] === dataset.rule : rules[value](image, f);
  };
  const overlay = ([columns, rows, packed]) => {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const small = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
    const bitmap = new ImageData(columns, rows);
    bytes.forEach((value, i) => {
      const place = (value / 255) * (HEAT.length - 1), low = Math.min(Math.floor(place), HEAT.length - 2);
      for (let c = 0; c < 3; c++) bitmap.data[4 * i + c] = HEAT[low][c] + (place - low) * (HEAT[low + 1][c] - HEAT[low][c]);
      bitmap.data[4 * i + 3] = Math.min(255, 1.6 * value);
    });
    small.getContext("2d").putImageData(bitmap, 0, 0);
    return small;
  };
  const paint = () => {
    for (const view of figure.querySelectorAll(".view")) {
      const { image, bitmap, heat, f } = view, canvas = view.firstChild;
      if (!bitmap.complete) continue;
      const pen = canvas.getContext("2d");
      const scale = Math.max(2, 512 / image.width);
      [canvas.width, canvas.height] = [Math.round(scale * image.width), Math.round(scale * image.height)];
      pen.imageSmoothingQuality = "high";
      pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      if (heat) {
        pen.globalAlpha = of("opacity").value / 100;
        pen.drawImage(heat, 0, 0, canvas.width, canvas.height);
        pen.globalAlpha = 1;
      }
      if (!of("boxes")?.checked) continue;
      pen.lineWidth = canvas.width / 160;
      pen.strokeStyle = "#56d4f7";
      for (const [name, x, y, width, height] of image.boxes) {
        if (name === findings[f]) pen.strokeRect(x * canvas.width, y * canvas.height, width * canvas.width, height * canvas.height);
      }
    }
  };
  const verdict = (image, arm, f) => {
    const score = image.scores[arm]?.[f];
    if (score === undefined || score === null) return ["–", "faint"];
    const ok = right(image, arm, f);
    const call = called(image, arm, f) ? "positive" : "negative";
    return [`${score.toFixed(3)} ${call}${ok === null ? "" : ok ? ", correct" : ", wrong"}`, ok === false ? "worse" : ""];
  };
  const viewOf = (image, f, arm, bitmap) => {
    const view = make("div", "", "view"), canvas = make("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Image ${image.id}${arm === null ? "" : `, heat map of ${arms[arm]} for ${findings[f]}`}`);
    view.append(canvas, make("p", arm === null ? (of("opacity") ? "no heat map of this image and finding" : "") : arms[arm]));
    if (arm !== null) view.lastChild.append(make("br"), make("span", ...verdict(image, arm, f)));
    return Object.assign(view, { image, bitmap, f, heat: arm === null ? null : overlay(image.heat[`${arm}/${f}`]) });
  };
  const bitmapOf = (image) => Object.assign(new Image(), { src: image.image, onload: paint });
  const label = (value) => value === 1 ? "positive" : value === 0 ? "negative" : "not known";
  const show = () => {
    of("walk").querySelector("output").textContent = chosen.length ? `${at + 1} of ${chosen.length}` : "no such image";
    views.replaceChildren();
    body.replaceChildren();
    of("image-name").textContent = "";
    if (!chosen.length) return;
    const image = chosen[at], f = finding();
    of("image-name").textContent = [image.id, image.about, `${findings[f]}: ${label(image.labels[f])}`].filter(Boolean).join(" · ");
    const bitmap = bitmapOf(image), seen = mapped(image, f);
    for (const arm of seen.length ? seen : [null]) views.append(viewOf(image, f, arm, bitmap));
    findings.forEach((name, i) => {
      const row = make("tr", "", i === f ? "chosen" : "");
      const cells = [make("th", name), make("td", label(image.labels[i]), image.labels[i] === 1 ? "" : "faint")];
      cells[0].scope = "row";
      arms.forEach((_, arm) => { const [text, kind] = verdict(image, arm, i); cells.push(make("td", text, `number ${kind}`)); });
      row.append(...cells);
      body.append(row);
    });
  };
  const choose = () => {
    const now = chosen[at], f = finding();
    chosen = cases.filter((image) => asked(image, f));
    at = Math.max(0, chosen.indexOf(now));
    show();
  };
  const showGallery = () => {
    of("gallery").replaceChildren();
    of("words").textContent = of("rule").selectedOptions[0].title;
    findings.forEach((name, f) => {
      for (const image of cases.filter((image) => image.chosen[f] === of("rule").value && mapped(image, f).length)) {
        const card = make("div", "", "card"), bitmap = bitmapOf(image);
        card.append(make("p", `${name}: ${label(image.labels[f])}`), ...mapped(image, f).map((arm) => viewOf(image, f, arm, bitmap)), make("p", image.id));
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
  const maps = findings.map((_, f) => cases.filter((image) => arms.some((_, arm) => image.heat[`${arm}/${f}`])).length);
  of("finding").selectedIndex = maps.indexOf(Math.max(...maps));
  choose();
  of("rule")?.addEventListener("change", showGallery);
  if (of("rule")) showGallery();
}
