// Sort tables by a click or Enter on a header; highlight the current section in the table of contents.
for (const table of document.querySelectorAll("table:not(.plain)")) {
  const body = table.tBodies[0];
  const key = (row, i) => row.cells[i].dataset.key ?? row.cells[i].textContent;
  const compare = (a, b) => {
    if (a === "" || b === "") return 0;
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
  };
  table.querySelectorAll("thead th").forEach((header, i) => {
    const sort = () => {
      const now = header.getAttribute("aria-sort");
      const up = now ? now === "descending" : !header.classList.contains("number");
      const rows = [...body.rows];
      rows.sort((a, b) => {
        const [x, y] = [key(a, i), key(b, i)];
        if ((x === "") !== (y === "")) return x === "" ? 1 : -1;
        return up ? compare(x, y) : compare(y, x);
      });
      table.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      body.append(...rows);
    };
    header.classList.add("sortable");
    header.tabIndex = 0;
    header.title = "Sort";
    header.addEventListener("click", sort);
    header.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
const places = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const watch = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of places.values()) link.removeAttribute("aria-current");
    places.get(entry.target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-10% 0px -75% 0px" });
for (const part of document.querySelectorAll("main > [id]")) watch.observe(part);
// Open folded sections when a link leads to them, and for printing.
const unfold = () => {
  const part = location.hash && document.getElementById(location.hash.slice(1));
  for (let fold = part && (part.querySelector(":scope > details.fold") ?? part.closest("details")); fold; fold = fold.parentElement?.closest("details")) fold.open = true;
  if (part) part.scrollIntoView();
};
window.addEventListener("hashchange", unfold);
unfold();
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((fold) => { fold.open = true; }));
