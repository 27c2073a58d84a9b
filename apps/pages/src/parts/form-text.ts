// Owns reading a text field of a form.

/** The field's text without surrounding blanks; empty for a missing field. */
export function formText(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}
