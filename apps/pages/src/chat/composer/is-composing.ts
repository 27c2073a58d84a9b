// Owns whether a key press belongs to an input method (Japanese, Chinese, Korean and others) and not to the page.

/** Safari ends the composition before it sends the Enter that confirms it. That Enter can only be recognized by the old key code 229. */
export function isComposing(event: Pick<KeyboardEvent, "isComposing" | "keyCode">): boolean {
  // oxlint-disable-next-line typescript/no-deprecated -- Safari offers nothing else
  return event.isComposing || event.keyCode === 229;
}
