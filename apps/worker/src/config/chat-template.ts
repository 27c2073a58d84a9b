// Owns the chat template that a person puts in the place of the model's own: one of ours by its name, or a file's text.
import { reasonOf } from "@waggle/terminal";

/** Templates that every engine has by name. */
const templateNames = ["chatml", "generic"] as const;

/** The longest known is 20 KB. */
const maxTemplateChars = 262_144;

export class ChatTemplateError extends Error {}

/**
 * A name of ours, or the text of the file.
 * @throws ChatTemplateError with a sentence that names the file
 */
export function readChatTemplate(fileOrName: string | undefined, read: (path: string) => string): string | undefined {
  if (fileOrName === undefined || templateNames.some((name) => name === fileOrName)) return fileOrName;
  const refused = (reason: string): ChatTemplateError =>
    new ChatTemplateError(`Cannot use --chat-template ${fileOrName}: ${reason}.`);
  let text: string;
  try {
    text = read(fileOrName);
  } catch (error) {
    throw refused(`${reasonOf(error)}; a name is one of ${templateNames.join(", ")}`);
  }
  if (text.trim() === "") throw refused("the file is empty");
  if (text.length > maxTemplateChars) throw refused(`it has more than ${maxTemplateChars} characters`);
  return text;
}
