// The page's own program: filters, sorting and parts of tables, and pictures that show texts over their points.
"use strict";
(() => {
  const WIDE = 860; // pixels that the picture for wide screens needs

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function contentOf(parent) {
    return JSON.parse(parent.querySelector('script[type="application/json"]').textContent);
  }

  // Cells are a text, or [text, what it is sorted by, a longer text, the address of a link]; null is sorted last.
  const textOf = (cell) => (Array.isArray(cell) ? cell[0] : cell);
  const keyOf = (cell) => (Array.isArray(cell) ? cell[1] : cell);
  const moreOf = (cell) => (Array.isArray(cell) ? cell[2] : undefined);

  // A link to a file or a page, where a cell has one.
  function linkOf(cell) {
    if (!Array.isArray(cell) || !cell[3]) return undefined;
    const link = element("a", textOf(cell));
    link.href = cell[3];
    return link;
  }

  function compared(a, b, direction) {
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    return (a < b ? -1 : 1) * direction;
  }

  class CaseTable {
    constructor(section) {
      const content = contentOf(section);
      this.section = section;
      this.headings = content.headings;
      this.rowsOfAPage = content.rowsOfAPage;
      this.rows = content.rows;
      this.groups = this.groupsOf(content.groups);
      this.texts = content.rows.map((row) => row.map((cell) => `${textOf(cell)} ${moreOf(cell) ?? ""}`).join(" ").toLowerCase());
      this.order = content.rows.map((_, place) => place);
      this.column = null;
      this.direction = 1;
      this.begin = 0;
      this.form = section.querySelector("form.filters");
      this.steps = section.querySelector("nav.steps");
      this.connect();
      this.filter();
    }

    connect() {
      this.form.hidden = false;
      this.section.querySelector(".without-scripts").hidden = true;
      this.form.addEventListener("submit", (event) => event.preventDefault());
      this.form.addEventListener("input", () => this.filter());
      this.form.addEventListener("reset", () => setTimeout(() => this.filter()));
      this.steps.addEventListener("click", (event) => {
        if (event.target.value) this.step(Number(event.target.value));
      });
      this.section.querySelectorAll("thead th").forEach((heading, column) => {
        const button = element("button", heading.textContent);
        button.type = "button";
        button.addEventListener("click", () => this.sort(column));
        heading.replaceChildren(button);
        heading.setAttribute("aria-sort", "none");
      });
    }

    // The number of each row's group: machines stand side by side, and no sorting ranks one against another.
    groupsOf(columns) {
      const numbers = new Map();
      return this.rows.map((row) => {
        const name = JSON.stringify(columns.map((column) => textOf(row[column])));
        if (!numbers.has(name)) numbers.set(name, numbers.size);
        return numbers.get(name);
      });
    }

    choices() {
      return [...this.form.querySelectorAll("fieldset")].map((fieldset) => ({
        column: Number(fieldset.dataset.column),
        field: fieldset.dataset.field,
        values: new Set([...fieldset.querySelectorAll("input:checked")].map((input) => input.value)),
      }));
    }

    filter() {
      const choices = this.choices();
      const contained = this.form.elements.contained.value.trim().toLowerCase();
      this.shown = this.order.filter(
        (place) =>
          choices.every((choice) => choice.values.has(textOf(this.rows[place][choice.column]))) &&
          this.texts[place].includes(contained),
      );
      this.begin = 0;
      this.draw();
      document.dispatchEvent(new CustomEvent("filtered", { detail: choices }));
    }

    sort(column) {
      this.direction = this.column === column ? -this.direction : 1;
      this.column = column;
      const keys = this.rows.map((row) => keyOf(row[column]));
      const by = (a, b) => this.groups[a] - this.groups[b] || compared(keys[a], keys[b], this.direction) || a - b;
      this.order.sort(by);
      this.shown.sort(by);
      this.begin = 0;
      this.section.querySelectorAll("thead th").forEach((heading, place) => {
        const direction = this.direction === 1 ? "ascending" : "descending";
        heading.setAttribute("aria-sort", place === column ? direction : "none");
      });
      this.draw();
    }

    step(direction) {
      this.begin += direction * this.rowsOfAPage;
      this.draw();
      this.section.querySelector("thead").scrollIntoView({ block: "nearest" });
    }

    draw() {
      const end = Math.min(this.begin + this.rowsOfAPage, this.shown.length);
      const drawn = this.shown.slice(this.begin, end).map((place) => this.row(this.rows[place]));
      this.section.querySelector("tbody").replaceChildren(...drawn);
      const number = (value) => value.toLocaleString("en");
      this.section.querySelector(".shown").textContent =
        `${number(this.shown.length)} of ${number(this.rows.length)} rows pass the filters.`;
      this.steps.hidden = this.shown.length <= this.rowsOfAPage;
      this.steps.querySelector("span").textContent =
        `Rows ${number(this.begin + 1)} to ${number(end)} of ${number(this.shown.length)}`;
      const [previous, next] = this.steps.querySelectorAll("button");
      previous.disabled = this.begin === 0;
      next.disabled = end === this.shown.length;
    }

    row(cells) {
      const row = element("tr");
      cells.forEach((cell, column) => {
        const more = moreOf(cell);
        const link = linkOf(cell);
        const drawn = element(column === 0 ? "th" : "td");
        if (column === 0) drawn.scope = "row";
        if (this.headings[column][1]) drawn.className = "number";
        if (more) {
          const folded = element("details");
          folded.append(element("summary", link ? "more" : textOf(cell)), element("p", more));
          drawn.append(link ?? "", folded);
        } else {
          drawn.append(link ?? textOf(cell));
        }
        row.append(drawn);
      });
      return row;
    }
  }

  // The text over a point of a picture. It is made of text nodes: a name from a file is never read as HTML.
  class Tip {
    constructor() {
      this.box = element("div", undefined, "tip");
      this.box.hidden = true;
      document.body.append(this.box);
    }

    show(event, value) {
      this.box.hidden = value === null || value === undefined || value === "";
      if (this.box.hidden) return;
      const lines = typeof value === "object" ? Object.entries(value).map(([name, text]) => `${name}: ${text}`) : [String(value)];
      this.box.replaceChildren(...lines.map((line) => element("div", line)));
      const left = Math.min(event.clientX + 14, window.innerWidth - this.box.offsetWidth - 8);
      const below = event.clientY + 14;
      const fits = below + this.box.offsetHeight < window.innerHeight;
      this.box.style.left = `${Math.max(8, left)}px`;
      this.box.style.top = `${fits ? below : event.clientY - this.box.offsetHeight - 14}px`;
    }
  }

  class Picture {
    constructor(figure, tip) {
      this.figure = figure;
      this.tip = tip;
      this.place = figure.querySelector(".drawn");
      this.content = contentOf(figure);
      this.rows = this.content.rows;
      this.seen = false;
      new IntersectionObserver((entries) => {
        if (entries.some((entry) => entry.isIntersecting) && !this.seen) {
          this.seen = true;
          this.embed();
        }
      }).observe(figure);
      matchMedia(`(min-width: ${WIDE}px)`).addEventListener("change", () => this.seen && this.embed());
      document.addEventListener("filtered", (event) => this.filter(event.detail));
    }

    async embed() {
      const chosen = innerWidth >= WIDE ? this.content.wide : this.content.narrow;
      const specification = { ...chosen, data: chosen.data.map((data) => (data.name === this.content.dataset ? { ...data, values: this.rows } : data)) };
      const result = await vegaEmbed(this.place, specification, {
        mode: "vega",
        ast: true, // expressions are interpreted: the page's policy allows no program made of text
        renderer: "svg",
        actions: false,
        defaultStyle: false,
        tooltip: (_, event, item, value) => this.tip.show(event, value),
      });
      this.view = result.view;
      this.figure.classList.add("live");
    }

    filter(choices) {
      const passes = (row, choice) => !(choice.field in row) || choice.values.has(String(row[choice.field]));
      this.rows = this.content.rows.filter((row) => choices.every((choice) => passes(row, choice)));
      this.figure.querySelector(".filtered").hidden = this.rows.length > 0;
      if (this.view) this.view.data(this.content.dataset, structuredClone(this.rows)).runAsync();
    }
  }

  // What is folded is printed too.
  function unfoldForPrint() {
    const opened = [];
    addEventListener("beforeprint", () => {
      document.querySelectorAll("main > details:not([open]), .section:not([open])").forEach((details) => {
        details.open = true;
        opened.push(details);
      });
    });
    addEventListener("afterprint", () => opened.splice(0).forEach((details) => (details.open = false)));
  }

  const tip = new Tip();
  if (typeof vegaEmbed === "function") {
    document.querySelectorAll("figure.picture").forEach((figure) => new Picture(figure, tip));
  }
  document.querySelectorAll("section.cases").forEach((section) => new CaseTable(section));
  unfoldForPrint();
})();
