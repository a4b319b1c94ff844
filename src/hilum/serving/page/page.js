"use strict";
(() => {
  const { card, limits } = JSON.parse(document.getElementById("content").textContent);
  const at = (id) => document.getElementById(id);
  const make = (tag, content, name) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    for (const part of [content ?? ""].flat()) element.append(part);
    return element;
  };
  const number = (value) => (value === null || value === undefined ? "–" : value.toFixed(3));
  const whole = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));

  document.title = `${card.name} – Hilum`;
  at("name").textContent = card.name;
  at("notice").textContent = card.notice;
  at("bounds").textContent =
    `At most ${limits.images} files and ${Math.floor(limits.bytes / 2 ** 20)} MiB at once. They are sent to this server only, and not stored.`;

  const ages = card.training_range.ages;
  const facts = [
    ["split", card.trained_on],
    ["images", whole(card.n_training_images)],
    ["ages", ages ? (ages[1] === null ? `${ages[0]} or older` : `${ages[0]} to ${ages[1]}`) : "unknown"],
    ["views", card.training_range.views.join(", ") || "unknown"],
    ["encoder", `${card.encoder}, ${card.image_size} px${card.members > 1 ? `, mean of ${card.members}` : ""}`],
    ["thresholds", `${card.threshold_rule}, chosen on ${card.thresholds_chosen_on}`],
    ["calibration", `${card.calibration_method}, on ${card.calibrated_on}`],
  ];
  for (const [term, fact] of facts) at("trained").append(make("dt", term), make("dd", fact));
  at("measured-on").textContent = `On ${card.measured_on}; 95 % confidence intervals from ${whole(card.n_bootstrap)} bootstrap resamples of patients.`;
  for (const each of card.measured) {
    const interval = each.ci_low === null || each.ci_high === null ? "–" : `${number(each.ci_low)} to ${number(each.ci_high)}`;
    const row = make("tr", [make("th", each.finding), make("td", each.metric)]);
    for (const text of [number(each.estimate), interval, whole(each.images), whole(each.positives)])
      row.append(make("td", text, "number"));
    at("measured").append(row);
  }

  const table = (item) => {
    const body = make("tbody");
    for (const each of item.findings) {
      const meter = document.createElement("meter");
      Object.assign(meter, { min: 0, max: 1, value: each.probability });
      meter.setAttribute("aria-hidden", "true");
      const call = each.call === null ? "no threshold" : each.call ? "called" : "not called";
      const row = make("tr", make("th", each.finding), each.call ? "called" : "");
      row.append(make("td", number(each.probability), "number"), make("td", meter));
      row.append(make("td", number(each.calibrated), "number"), make("td", number(each.threshold), "number"));
      row.append(make("td", call, "call"));
      body.append(row);
    }
    const heads = [["finding"], ["probability", "number"], [""], ["calibrated", "number"], ["threshold", "number"], ["call"]];
    const head = make("thead", make("tr", heads.map(([text, name]) => make("th", text, name))));
    return make("div", make("table", [head, body]), "scroll");
  };

  const looks = (item) => {
    const image = make("img");
    Object.assign(image, { src: item.image, alt: "the preprocessed image" });
    const heat = make("img", "", "heat");
    heat.alt = "";
    const choice = document.createElement("select");
    for (const { finding } of item.findings) choice.append(new Option(finding, finding));
    choice.value = item.findings.reduce((most, each) => (each.probability > most.probability ? each : most)).finding;
    const slider = make("input");
    Object.assign(slider, { type: "range", min: 0, max: 1, step: 0.05, value: 0.5 });
    const show = () => {
      heat.src = item.maps[choice.value];
      heat.style.opacity = slider.value;
    };
    choice.addEventListener("change", show);
    slider.addEventListener("input", show);
    show();
    choice.setAttribute("aria-label", "Heat map of");
    slider.setAttribute("aria-label", "Opacity of the heat map");
    const controls = make("div", [make("span", "heat map of"), choice, make("span", "opacity"), slider], "controls");
    return make("div", [make("div", [image, heat], "look"), controls]);
  };

  const show = (item, name) => {
    const article = make("article", make("h3", name), "item");
    if (item.error) {
      article.classList.add("error");
      const detail = item.error.detail ? ` (${item.error.detail})` : "";
      article.append(make("p", `Not scored: ${item.error.message}${detail}.`));
      return article;
    }
    const about = [];
    if (item.in_training) about.push("The model was trained on this patient: exclude the image from any evaluation.");
    if (item.remarks.length) about.push(`Irregularities of the file: ${item.remarks.join(", ")}.`);
    if (about.length) article.append(make("p", about.join(" "), "faint about"));
    if (item.maps) article.append(looks(item));
    article.append(table(item));
    return article;
  };

  const score = async (files) => {
    if (!files.length) return;
    const form = new FormData();
    // names of files stay here
    files.forEach((file, index) => form.append("files", file, String(index)));
    at("status").textContent = `Scoring ${files.length === 1 ? "an image" : `${files.length} images`} …`;
    at("results").replaceChildren();
    try {
      const response = await fetch("predict?maps=true", { method: "POST", body: form });
      const answer = await response.json();
      if (answer.error) {
        at("status").textContent = answer.error.message;
        return;
      }
      const scored = answer.items.filter((item) => !item.error).length;
      at("status").textContent = `${scored} of ${answer.items.length} scored.`;
      at("results").replaceChildren(...answer.items.map((item) => show(item, files[item.index].name)));
    } catch (error) {
      at("status").textContent = "The server does not respond.";
    }
  };

  at("files").addEventListener("change", (event) => score([...event.target.files]));
  for (const kind of ["dragover", "dragleave", "drop"])
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      at("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop") score([...event.dataTransfer.files]);
    });
})();
