// How does a view become what is seen? A view is a tree of plain values; `show` changes the page where it differs, so that
// focus, selection and scrolling stay. Text is always text: nothing here reads markup. Knows no run.

const SVG = "http://www.w3.org/2000/svg";

// An element to be. `on…` are listeners, `style` sets properties one by one (the policy forbids style attributes), `key`
// tells siblings apart that may change places; null and false leave an attribute or a child out.
export function h(tag, attributes, ...children) {
  const kept = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  return { tag, attributes: attributes ?? {}, children: kept };
}

// Makes `parent` have these children, and no others.
export function show(parent, ...views) {
  const wanted = views.flat(Infinity).filter((view) => view !== null && view !== undefined && view !== false);
  const keyed = new Map(
    [...parent.childNodes].filter((node) => node.viewKey !== undefined).map((node) => [node.viewKey, node]),
  );
  wanted.forEach((view, place) => {
    const there = parent.childNodes[place] ?? null;
    const node = fitting(view, keyed, there) ?? create(view, parent);
    if (node !== there) parent.insertBefore(node, there);
    update(node, view);
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove();
}

// The node that is there for this view, if any.
function fitting(view, keyed, there) {
  if (typeof view !== "object") return there?.nodeType === Node.TEXT_NODE ? there : null;
  const { key } = view.attributes;
  const node = key === undefined ? there : keyed.get(key);
  const fits = node?.nodeType === Node.ELEMENT_NODE && node.localName === view.tag && node.viewKey === key;
  return fits ? node : null;
}

function create(view, parent) {
  if (typeof view !== "object") return document.createTextNode("");
  const inSvg = view.tag === "svg" || parent.namespaceURI === SVG;
  const node = inSvg ? document.createElementNS(SVG, view.tag) : document.createElement(view.tag);
  node.viewKey = view.attributes.key;
  return node;
}

function update(node, view) {
  if (typeof view !== "object") {
    if (node.data !== String(view)) node.data = String(view);
    return;
  }
  const { key, style, ...attributes } = view.attributes;
  for (const name of node.viewNames ?? []) {
    if (!(name in attributes)) setAttribute(node, name, null);
  }
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  node.viewNames = Object.keys(attributes);
  for (const [property, value] of Object.entries(style ?? {})) node.style.setProperty(property, value);
  show(node, ...view.children);
}

function setAttribute(node, name, value) {
  if (name.startsWith("on")) {
    node[name] = value;
  } else if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value === true ? "" : value)) {
    node.setAttribute(name, value === true ? "" : value);
  }
}
