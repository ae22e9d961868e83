// Makes elements. A text stays a text, whatever is in it.

/// An element with these attributes, listeners (`onclick`, …) and children; what is null, undefined or false is left
/// out.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (isThere(value)) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter(isThere));
  return made;
}

/// The element of the page with this id.
export const byId = (id) => document.getElementById(id);

/// Puts the text on the clipboard, or selects it in `field` where the browser has none for pages without TLS.
/// Tells whether it was copied.
export async function copy(text, field) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    field.focus();
    field.select();
    return false;
  }
}

function isThere(value) {
  return value !== null && value !== undefined && value !== false;
}
