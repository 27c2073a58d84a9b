// Owns whether a key press belongs to an input method (Japanese, Chinese, Korean and others) and not to the page.

/** Safari ends the composition before the event of the Enter that confirmed it; then only the old key code shows it. */
export function isComposing(event: Pick<KeyboardEvent, "isComposing" | "keyCode">): boolean {
  // oxlint-disable-next-line typescript/no-deprecated -- Safari offers nothing else
  return event.isComposing || event.keyCode === 229;
}
