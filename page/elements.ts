/** An element of the page: it is in the markup that came with this script. @throws TypeError where it is not of this kind */
export function element<Kind extends Element>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`no ${kind.name} #${id}`);
  return found;
}

/** Shows this text in an element: as text, never as markup. */
export function show(id: string, text: string): void {
  element(id, HTMLElement).textContent = text;
}

/** Shows an element, or hides it. */
export function setShown(id: string, how: { readonly isShown: boolean }): void {
  element(id, HTMLElement).hidden = !how.isShown;
}

/** A new element with a text. */
export function make(name: string, text: string, className = ""): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  if (className !== "") made.className = className;
  return made;
}

/** Calls a listener when a form is sent, in place of the browser's way. */
export function onSubmit(id: string, listener: () => void): void {
  element(id, HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    listener();
  });
}

/** Calls a listener when a button is pressed. */
export function onPress(id: string, listener: () => void): void {
  element(id, HTMLButtonElement).addEventListener("click", listener);
}
