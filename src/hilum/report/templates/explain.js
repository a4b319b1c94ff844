// Opacity of all maps, filters by finding and rule, and display of boxes.
const root = document.documentElement;
const heat = document.getElementById("heat");
heat.addEventListener("input", () => root.style.setProperty("--heat", heat.value / 100));
document.getElementById("boxes").addEventListener("change", (event) => root.classList.toggle("no-boxes", !event.target.checked));
const lists = [...document.querySelectorAll(".controls select")];
const choose = () => {
  for (const shown of document.querySelectorAll(".case")) {
    shown.hidden = lists.some((list) => list.value && shown.dataset[list.name] !== list.value);
  }
};
for (const list of lists) list.addEventListener("change", choose);
