// Owns what Python does with the letters of a text.

const words = /\p{L}[\p{L}\p{M}]*/gu;

export function capitalize(text: string): string {
  const [first = ""] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

export function titleCase(text: string): string {
  return text.replace(words, capitalize);
}

export function swapCase(text: string): string {
  return Array.from(text, (char) => (char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase())).join("");
}

export function isCased(text: string): boolean {
  return text.toLowerCase() !== text.toUpperCase();
}
