// Owns the start of a page: the design system, the theme, then its content.
import "../design/tokens.css";
import "../design/base.css";
import { render } from "preact";
import type { VNode } from "preact";
import { applyTheme } from "./theme-switch.tsx";

export function mount(content: VNode): void {
  const place = document.getElementById("page");
  if (place === null) throw new Error("Cannot show the page: it has no place for its content");
  applyTheme();
  place.replaceChildren();
  render(content, place);
}
