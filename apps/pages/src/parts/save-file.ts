// Owns saving a file as a download.

export interface SavedFile {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

/** How long the file is kept, because a browser reads it some time after the click. */
const keptMs = 60_000;

export function saveFile({ name, type, text }: SavedFile): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), keptMs);
}
