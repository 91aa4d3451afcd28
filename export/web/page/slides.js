// Slides that are turned by gestures, buttons and the arrow keys.

const PAGES = [
  ["Turn slides by hand", "Start the camera, then make the gesture that is selected below for the next slide."],
  ["One gesture, one slide", "Each gesture is reported once, when it has ended. Wait for the slide before the next one."],
  ["Light and distance", "The model sees the centre of the picture. Keep your hand there, an arm's length away."],
  ["Your own slides", "Open pictures below: one slide each, sorted by name. They stay on this device."],
  ["Back", "The other gesture turns back. The arrow keys work too."],
];

export class Slides {
  /** `elements`: deck, count, previous, next, and the selects nextLabel, previousLabel. */
  constructor(elements) {
    this._elements = elements;
    this._index = 0;
    this._urls = [];
    elements.previous.addEventListener("click", () => this.turn(-1));
    elements.next.addEventListener("click", () => this.turn(1));
    elements.deck.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.turn(step);
    });
    this._show(
      PAGES.map(([title, text]) => {
        const page = document.createElement("div");
        page.className = "page";
        page.append(makeElement("h3", title), makeElement("p", text));
        return page;
      }),
    );
  }

  /** Lists a model's gestures for turning; those with left and right in their names are selected, if any. */
  offer(labels) {
    const { nextLabel, previousLabel } = this._elements;
    for (const [select, word] of [[nextLabel, "left"], [previousLabel, "right"]]) {
      select.replaceChildren(new Option("no gesture", ""), ...labels.map((label) => new Option(label, label)));
      const inWords = labels.filter((label) => label.toLowerCase().includes(word));
      select.value = inWords.find((label) => /swip|slid|mov|push/i.test(label)) ?? inWords[0] ?? "";
    }
    if (!nextLabel.value && !previousLabel.value && labels.length) {
      nextLabel.value = labels[0];
      previousLabel.value = labels[1] ?? "";
    }
  }

  /** Turns a slide if the event's gesture is selected for it. */
  take({ label }) {
    if (label === this._elements.nextLabel.value) this.turn(1);
    else if (label === this._elements.previousLabel.value) this.turn(-1);
  }

  turn(step) {
    this._index = Math.min(Math.max(this._index + step, 0), this._pages.length - 1);
    this._update();
  }

  /** Replaces the slides by pictures. */
  open(files) {
    for (const url of this._urls) URL.revokeObjectURL(url);
    const sorted = [...files].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    this._urls = sorted.map((file) => URL.createObjectURL(file));
    this._show(
      sorted.map((file, index) => Object.assign(new Image(), { src: this._urls[index], alt: `Slide: ${file.name}` })),
    );
  }

  _show(pages) {
    this._pages = pages;
    this._index = 0;
    this._update();
  }

  _update() {
    const { deck, count, previous, next } = this._elements;
    deck.replaceChildren(this._pages[this._index]);
    count.textContent = `Slide ${this._index + 1} of ${this._pages.length}`;
    // Not `disabled`, which would take the focus from a button at the last slide.
    previous.setAttribute("aria-disabled", this._index === 0);
    next.setAttribute("aria-disabled", this._index === this._pages.length - 1);
  }
}

export function makeElement(name, text, className) {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}
