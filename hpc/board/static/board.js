"use strict";
// figures: drawn when plotly is there, from data in the page (static export) or from the board
async function draw(node) {
  const held = document.getElementById("data-" + node.dataset.figure);
  let figure;
  if (held) {
    figure = JSON.parse(held.textContent);
  } else {
    const answer = await fetch(node.dataset.at);
    figure = await answer.json();
  }
  if (figure.error) { node.textContent = figure.error; return; }
  node.textContent = "";
  await Plotly.newPlot(node, figure.data, figure.layout, { responsive: true, displayModeBar: false });
  node.dataset.drawn = "yes";
}
// what takes long to evaluate comes as a piece of the page, with the data of its figure
async function fill(node) {
  const piece = new DOMParser().parseFromString(await (await fetch(node.dataset.from)).text(), "text/html");
  node.replaceChildren(...(piece.querySelector("main") || piece.body).childNodes);
  node.querySelectorAll(".plot").forEach(draw);
}
// a page that stands alone has no server to filter for it
function filter(form) {
  const table = document.querySelector(form.dataset.filter);
  if (!table) { return; }
  const asked = [...new FormData(form).entries()].filter(([, value]) => value);
  for (const row of table.tBodies[0].rows) {
    row.hidden = !asked.every(([key, value]) => {
      if (key === "text") { return value.toLowerCase().split(/\s+/).every((word) => (row.dataset.text || "").toLowerCase().includes(word)); }
      if (key === "state" && !row.dataset.state) { return [...row.querySelectorAll("[data-state]")].some((cell) => cell.dataset.state === value); }
      return row.dataset[key] === value;
    });
  }
}
// a filter that was changed and not yet asked for must not be swept away
let touched = false;
// live: look every few seconds whether something changed, and only then fetch the page again
async function look() {
  const body = document.body;
  try {
    const now = await (await fetch(body.dataset.markAt)).json();
    if (now.mark !== body.dataset.mark && !touched && !document.querySelector(".filters :focus")) {
      const fresh = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
      const kept = new Map([...document.querySelectorAll(".plot[data-drawn]")].map((node) => [node.id, node]));
      const pieces = new Map([...document.querySelectorAll("[data-from]")].map((node) => [node.id, [...node.childNodes]]));
      const open = [...document.querySelectorAll("details[id][open]")].map((node) => node.id);
      document.getElementById("live").replaceWith(fresh.getElementById("live"));
      for (const id of open) { document.getElementById(id)?.setAttribute("open", ""); }
      for (const node of document.querySelectorAll("[data-from]")) {
        if (pieces.has(node.id)) { node.replaceChildren(...pieces.get(node.id)); }
        fill(node);
      }
      for (const node of document.querySelectorAll(".plot:not([data-from] .plot)")) {
        if (kept.has(node.id)) { node.replaceWith(kept.get(node.id)); } else { draw(node); }
      }
      body.dataset.mark = now.mark;
    }
    body.dataset.lost = "";
  } catch (error) {
    body.dataset.lost = "yes"; // the board was stopped: what is shown stays, the next look tells
  }
}
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".plot").forEach(draw);
  document.querySelectorAll("[data-from]").forEach(fill);
  if (document.body.dataset.markAt) {
    document.addEventListener("input", () => { touched = true; });
    setInterval(look, 4000);
  } else {
    for (const form of document.querySelectorAll("form[data-filter]")) {
      form.addEventListener("input", () => filter(form));
      form.addEventListener("submit", (event) => { event.preventDefault(); filter(form); });
    }
  }
});
