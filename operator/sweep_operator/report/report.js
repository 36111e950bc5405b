// Draws the plots in the colours of the page, and sorts the table. It asks nothing of any host.
(function () {
  "use strict";

  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = Array.from(document.querySelectorAll(".plot"));
  const PAPER = { whole: 690, half: 335 };
  // By default there is one that sends the plot to a host of plotly's.
  const BUTTONS = [["toImage"], ["zoom2d", "pan2d", "resetScale2d"]];

  function color(name) {
    return getComputedStyle(root).getPropertyValue("--" + name).trim();
  }

  function template() {
    const ink = color("ink");
    const soft = color("soft");
    const line = color("line");
    const axis = {
      automargin: true,
      exponentformat: "e",
      minexponent: 5,
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
        annotationdefaults: {
          showarrow: false,
          font: { color: ink, size: 11 },
          bgcolor: color("paper"),
          borderpad: 1,
          opacity: 0.8,
        },
      },
    };
  }

  function draw(plot) {
    const figure = figures[Number(plot.dataset.figure)];
    const layout = Object.assign({}, figure.layout, { template: template(), autosize: true });
    const options = {
      responsive: true,
      displaylogo: false,
      plotlyServerURL: "",
      modeBarButtons: BUTTONS,
    };
    if (plot.closest(".small")) {
      options.displayModeBar = false;
    }
    return Plotly.newPlot(plot, figure.data, layout, options);
  }

  function drawn() {
    return plots.filter((plot) => plot.classList.contains("js-plotly-plot"));
  }

  function recolor(width) {
    const colors = template();
    return Promise.all(
      drawn().map((plot) => {
        const size = width ? { autosize: false, width: width(plot) } : { autosize: true, width: null };
        return Plotly.relayout(plot, Object.assign({ template: colors }, size));
      })
    );
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

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => recolor());
  addEventListener("beforeprint", () => {
    root.dataset.printing = "";
    recolor((plot) => (plot.closest(".small") ? PAPER.half : PAPER.whole));
  });
  addEventListener("afterprint", () => {
    delete root.dataset.printing;
    recolor();
  });

  drawAll();
})();
