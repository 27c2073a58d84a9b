// Owns the choice between the system's colours, light and dark. This browser stores the choice; it is applied before the page's first paint.
import { signal, type Signal } from "@preact/signals";
import type { VNode } from "preact";
import { storeItem, lastingStorage } from "../wire/browser-storage.ts";
import { IconButton, type IconName } from "./icons.tsx";

const themes = ["system", "light", "dark"] as const;
type Theme = (typeof themes)[number];

const storageKey = "waggle.theme";
const pictures: Readonly<Record<Theme, IconName>> = { system: "half", light: "sun", dark: "moon" };
const theme = signal<Theme>(themes.find((name) => name === lastingStorage.getItem(storageKey)) ?? "system");

/** Counts changes of the colours, so that drawings on a canvas can be redrawn. */
export const schemeChanges: Signal<number> = signal(0);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (schemeChanges.value += 1));

export function applyTheme(): void {
  if (theme.value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
}

function next(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? "system";
  storeItem(lastingStorage, storageKey, theme.value);
  applyTheme();
  schemeChanges.value += 1;
}

export function ThemeSwitch(): VNode {
  const label = `Colours: ${theme.value}. Change`;
  return <IconButton icon={pictures[theme.value]} label={label} kind="quiet" onClick={next} />;
}
