// Owns telling a key that belongs to an input method (Japanese, Chinese, Korean and others) from one that is meant for the page.

/** Safari ends the composition before it tells of the Enter that confirmed it; then only the old key code says so. */
export function isComposing(event: Pick<KeyboardEvent, "isComposing" | "keyCode">): boolean {
  // oxlint-disable-next-line typescript/no-deprecated -- nothing else says so there
  return event.isComposing || event.keyCode === 229;
}
