// Encodes frames as the text of an event stream.

export interface SseFrame {
  readonly event?: string;
  readonly id?: string;
  /** The data, which may have several lines. The reader receives each line break as "\n". */
  readonly data: string;
}

/**
 * Encodes one frame, including the empty line at its end.
 * @throws TypeError when `event` or `id` has a line break, which would start another field, or `id` has a NUL, since readers drop such an id
 */
export function encodeSse(frame: SseFrame): string {
  let text = "";
  if (frame.id !== undefined) text += `id: ${singleLine(frame.id, "id", /[\r\n\0]/)}\n`;
  if (frame.event !== undefined) text += `event: ${singleLine(frame.event, "event", /[\r\n]/)}\n`;
  // Nearly every frame is one line of JSON, which has no raw line breaks.
  if (!/[\r\n]/.test(frame.data)) return `${text}data: ${frame.data}\n\n`;
  for (const line of frame.data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/**
 * Encodes a comment, which readers skip. Comments keep an idle connection open.
 * @throws TypeError when the text has a line break
 */
export function encodeSseComment(text: string): string {
  return `: ${singleLine(text, "comment", /[\r\n]/)}\n\n`;
}

function singleLine(value: string, what: string, forbidden: RegExp): string {
  if (forbidden.test(value)) throw new TypeError(`Cannot encode the frame: its ${what} is not a single line of text`);
  return value;
}
