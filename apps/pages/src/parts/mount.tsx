// Owns the start of a page: loads the design system, applies the theme, then draws the content.
import "../design/tokens.css";
import "../design/base.css";
import { render, type VNode } from "preact";
import { applyTheme } from "./theme-switch.tsx";

export function mount(content: VNode): void {
  const place = document.getElementById("page");
  if (place === null) throw new Error("Cannot show the page: the element #page is missing");
  applyTheme();
  place.replaceChildren();
  render(content, place);
}
