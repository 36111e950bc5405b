// Draws the plots in the colours of the page, and sorts the table. It asks nothing of any host.
(function () {
  "use strict";

  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = Array.from(document.querySelectorAll(".plot"));
  const PAPER_WIDTH = 680;

  function color(name) {
    return getComputedStyle(root).getPropertyValue("--" + name).trim();
  }

  function template() {
    const ink = color("ink");
    const soft = color("soft");
    const line = color("line");
    const axis = {
      automargin: true,
      gridcolor: line,
      linecolor: line,
      zerolinecolor: line,
      tickfont: { color: soft },
      title: { standoff: 10, font: { color: soft } },
    };
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: ink };
    return {
      layout: {
        font: font,
        paper_bgcolor: color("paper"),
        plot_bgcolor: color("paper"),
        hoverlabel: { bgcolor: color("band"), bordercolor: line, font: font, align: "left" },
        margin: { l: 64, r: 16, t: 30, b: 48 },
        xaxis: axis,
        yaxis: axis,
        bargap: 0.3,
      },
      data: {
        parcoords: [
          {
            labelfont: { color: ink, size: 13 },
            tickfont: { color: ink, size: 11 },
            rangefont: { color: "rgba(0,0,0,0)", size: 1 },
            unselected: { line: { color: line, opacity: 0.3 } },
          },
        ],
      },
    };
  }

  // Parallel coordinates are the only plot that needs it.
  function hasWebgl() {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  }

  function draw(plot) {
    const figure = figures[Number(plot.dataset.figure)];
    if (figure.data.some((trace) => trace.type === "parcoords") && !hasWebgl()) {
      plot.textContent = "This plot needs WebGL, which the browser doesn't offer.";
      plot.classList.add("without");
      return Promise.resolve();
    }
    const layout = Object.assign({}, figure.layout, { template: template(), autosize: true });
    const options = { responsive: true, displaylogo: false, displayModeBar: "hover" };
    return Plotly.newPlot(plot, figure.data, layout, options);
  }

  function drawn() {
    return plots.filter((plot) => plot.classList.contains("js-plotly-plot"));
  }

  function recolor(change) {
    const update = Object.assign({ template: template() }, change);
    return Promise.all(drawn().map((plot) => Plotly.relayout(plot, update)));
  }

  // One after the other: the page can be read while the later ones are drawn.
  async function drawAll() {
    for (const plot of plots) {
      await draw(plot);
      await new Promise((resolve) => setTimeout(resolve));
    }
    root.dataset.drawn = String(plots.length);
  }

  function keyOf(row, column) {
    const cell = row.cells[column];
    const data = cell.querySelector("data");
    if (data) {
      return Number(data.value);
    }
    const text = cell.textContent.trim();
    return text === "" ? null : text;
  }

  // Numbers before text, and what is missing last, whichever way it is sorted.
  function compared(one, other, direction) {
    if (one === null || other === null) {
      return (one === null) - (other === null);
    }
    if (typeof one !== typeof other) {
      return typeof one === "number" ? -1 : 1;
    }
    return direction * (typeof one === "number" ? one - other : one.localeCompare(other));
  }

  function sortBy(table, column) {
    const heads = Array.from(table.tHead.rows[0].cells);
    const ascending = heads[column].getAttribute("aria-sort") !== "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = table.tBodies[0];
    const keyed = Array.from(body.rows, (row) => [keyOf(row, column), row]);
    keyed.sort((one, other) => compared(one[0], other[0], ascending ? 1 : -1));
    body.append(...keyed.map((each) => each[1]));
  }

  const table = document.getElementById("runs");
  if (table) {
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => sortBy(table, column));
    });
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => recolor({}));
  addEventListener("beforeprint", () => {
    root.dataset.printing = "";
    recolor({ autosize: false, width: PAPER_WIDTH });
  });
  addEventListener("afterprint", () => {
    delete root.dataset.printing;
    recolor({ autosize: true, width: null });
  });

  drawAll();
})();
