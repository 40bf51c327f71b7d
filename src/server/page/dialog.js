// How is a person asked something? One dialog, one question at a time; the answer is a promise of the values, or null.

import { h, show } from "./element.js";

const dialog = document.getElementById("dialog");
let before = Promise.resolve();

// `fields`: `{ name, label, type, hint, choices, mustBe, needed }`. `must`: there is no way out but an answer.
export function askFor(question) {
  // A second question waits until the first is answered.
  const answer = before.then(() => open(question));
  before = answer;
  return answer;
}

function open(question) {
  return new Promise((answered) => {
    let answer = null;
    const redraw = () =>
      show(
        dialog,
        form(question, allowed(question), {
          oninput: redraw,
          oncancel: () => dialog.close(),
          onsubmit: (event) => {
            event.preventDefault();
            if (!allowed(question)) return;
            answer = Object.fromEntries(new FormData(event.currentTarget));
            dialog.close();
          },
        }),
      );
    show(dialog);
    redraw();
    dialog.oncancel = (event) => question.must && event.preventDefault();
    dialog.onclose = () => {
      show(dialog); // Nothing that was typed stays in the page.
      answered(answer);
    };
    dialog.showModal();
    dialog.querySelector("input, select")?.focus();
  });
}

// Whether what must be typed is typed. Read from the form, which nobody draws over.
function allowed({ fields }) {
  return fields.every(({ name, mustBe, needed }) => {
    const value = dialog.querySelector(`[name="${name}"]`)?.value ?? "";
    return mustBe === undefined ? !needed || value.trim() !== "" : value === mustBe;
  });
}

function form({ title, words, fields, confirm, look, must }, enabled, { oninput, oncancel, onsubmit }) {
  return h(
    "form",
    { onsubmit, oninput },
    h("h2", { id: "dialog-title" }, title),
    words ? h("p", {}, words) : null,
    fields.map(field),
    h(
      "div",
      { class: "buttons" },
      must ? null : h("button", { type: "button", onclick: oncancel, name: "back" }, "Back"),
      h("button", { type: "submit", class: look ?? "primary", disabled: !enabled, name: "confirm" }, confirm),
    ),
  );
}

function field({ name, label, type, hint, choices }) {
  const control = choices
    ? h(
        "select",
        { name },
        choices.map(([key, words]) => h("option", { value: key }, words)),
      )
    : h("input", {
        name,
        type: type ?? "text",
        autocomplete: "off",
        spellcheck: "false",
        maxlength: 2000,
      });
  return h("label", {}, h("span", {}, label), control, hint ? h("small", {}, hint) : null);
}
