// Scatter plot of images; the image under the pointer, or selected with the arrow keys, is shown.
for (const figure of document.querySelectorAll("figure.scatter")) {
  const data = figure.querySelector(".points"), points = JSON.parse(data.textContent);
  const [board, peek] = [figure.querySelector(".board"), figure.querySelector(".peek")];
  const [canvas, readout] = [board.querySelector("canvas"), figure.querySelector(".readout")];
  const buttons = [...figure.querySelectorAll(".key button")];
  const source = document.getElementById(data.dataset.sprite);  // one sprite sheet, shared by plots of the same images
  const sprite = source ? Object.assign(new Image(), { src: source.textContent }) : null;
  const names = buttons.map((button) => button.textContent);
  const walk = points.x.map((_, i) => i).sort((a, b) => points.x[a] - points.x[b]);
  const shown = (i) => buttons[points.label[i]].getAttribute("aria-pressed") === "true";
  let side = 0, at = -1;
  const place = (value) => 10 + (value / 1000) * (side - 20);
  const draw = () => {
    const scale = devicePixelRatio || 1;
    side = board.clientWidth;
    canvas.width = canvas.height = Math.round(side * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const colours = buttons.map((button) => getComputedStyle(button.firstChild).backgroundColor);
    const size = points.x.length > 1500 ? 2 : 3;
    for (let i = 0; i < points.x.length; i++) {
      pen.globalAlpha = shown(i) ? 0.75 : 0.06;
      pen.fillStyle = colours[points.label[i]];
      pen.beginPath();
      pen.arc(place(points.x[i]), place(points.y[i]), size, 0, 7);
      pen.fill();
    }
    if (at >= 0) {
      pen.globalAlpha = 1;
      pen.strokeStyle = getComputedStyle(canvas).color;
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.arc(place(points.x[at]), place(points.y[at]), size + 3.5, 0, 7);
      pen.stroke();
    }
  };
  const show = (i) => {
    at = i;
    draw();
    peek.hidden = i < 0;
    if (i < 0) return;
    peek.querySelector("p").textContent = readout.textContent = `${points.name[i]} · ${names[points.label[i]]}`;
    const image = peek.querySelector("canvas");
    image.hidden = points.tile[i] < 0;
    if (!image.hidden) {
      const { side: tile, across } = points;
      const [left, top] = [(points.tile[i] % across) * tile, Math.floor(points.tile[i] / across) * tile];
      image.getContext("2d").drawImage(sprite, left, top, tile, tile, 0, 0, 112, 112);
    }
    const [x, y] = [place(points.x[i]), place(points.y[i])];
    peek.style.left = `${Math.min(x + 12, side - 136)}px`;
    peek.style.top = `${y > side / 2 ? y - 12 - peek.offsetHeight : y + 12}px`;
  };
  const nearest = (event) => {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    let [best, distance] = [-1, 14 * 14];
    for (let i = 0; i < points.x.length; i++) {
      const away = (place(points.x[i]) - x) ** 2 + (place(points.y[i]) - y) ** 2;
      if (away < distance && shown(i)) [best, distance] = [i, away];
    }
    return best;
  };
  const point = (event) => { const i = nearest(event); if (i !== at) show(i); };
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") show(-1); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") show(-1);
    const order = step ? walk.filter(shown) : [];
    if (!order.length) return;
    event.preventDefault();
    show(order[(order.indexOf(at) + step + order.length) % order.length]);
  });
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
      show(-1);
    });
  }
  new ResizeObserver(draw).observe(board);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
}
