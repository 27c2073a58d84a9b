// Owns moving the focus through a list with the arrow keys.

/** Moves the focus up or down the list, and stops at its ends. Other keys have no effect. */
export function moveFocus(event: KeyboardEvent, list: Iterable<HTMLElement> = []): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0) return;
  event.preventDefault();
  const stops = [...list];
  stops[stops.findIndex((stop) => stop === document.activeElement) + step]?.focus();
}
