// What a network says of an image: a bar for each class, and whether the largest is its label's.

import { make, setAttribute, setClass, setStyle, setText, show, upTo, written } from "./page/elements.js";

/** The bars of the classes: `draw(network, image)` returns what they say, in a sentence. */
export function makeScores() {
  const [title, list] = [make("div", "cs-title cs-output-ink"), make("div", "cs-class-list")];
  const rows = [];
  const root = make("div", "cs-classes", title, list);
  function addRow() {
    const [name, bar, number] = [make("span", "cs-class-name"), make("span"), make("span", "cs-class-number")];
    const row = make("div", "", name, make("span", "cs-class-bar", bar), number);
    rows.push({ row, name, bar, number });
    list.append(row);
  }
  return {
    root,
    draw(network, image) {
      const [scores, labels, classes] = ["scores", "labels", "classes"].map((name) => network.trait(name));
      const own = scores[image];
      show(root, Boolean(own));
      if (!own) return "";
      const nameOf = (place) => classes[place] ?? String(place);
      const best = own.indexOf(Math.max(...own.filter((score) => typeof score === "number")));
      const order = upTo(own.length).sort((one, other) => own[other] - own[one]);
      const shown = own.length <= 10 ? upTo(own.length) : [...new Set([...order.slice(0, 9), labels[image] ?? order[9]])];
      while (rows.length < shown.length) addRow();
      rows.forEach(({ row, name, bar, number }, place) => {
        show(row, place < shown.length);
        if (place >= shown.length) return;
        const score = own[shown[place]];
        const isLabel = shown[place] === labels[image];
        setText(name, `${nameOf(shown[place])}${isLabel ? (shown[place] === best ? " ✓" : " ✗") : ""}`);
        setAttribute(name, "title", nameOf(shown[place]));
        setClass(row, `cs-class-row${shown[place] === best ? " cs-best" : ""}${isLabel ? " cs-label" : ""}`);
        setStyle(bar, "width", `${typeof score === "number" ? 100 * score : 0}%`);
        setText(number, typeof score === "number" ? `${(100 * score).toFixed(1)} %` : written(score));
      });
      const label = labels[image];
      const verdict = label === undefined ? "" : ` It is labelled ${nameOf(label)}: ${label === best ? "right" : "wrong"}.`;
      const sentence = best < 0 ? "Its scores are not numbers." : `Its highest score: ${nameOf(best)}.${verdict}`;
      const right = label === undefined ? "" : label === best ? " ✓" : ` ✗ (${nameOf(label)})`;
      setText(title, best < 0 ? `image ${image + 1}: no scores` : `image ${image + 1}: ${nameOf(best)}${right}`);
      setClass(title, `cs-title ${right.startsWith(" ✗") ? "cs-wrong" : "cs-output-ink"}`);
      return sentence;
    },
  };
}
