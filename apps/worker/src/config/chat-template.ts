// Owns the chat template that a person puts in the place of the model's own: one that has a name, or a file's text.
import { templateNames } from "@waggle/model-chat";
import { reasonOf } from "@waggle/terminal";

/** The longest known is 20 KB. */
const maxTemplateChars = 262_144;

export class ChatTemplateError extends Error {}

/**
 * One of `templateNames`, or the text of the file.
 * @throws ChatTemplateError with a sentence that names the file
 */
export function readChatTemplate(fileOrName: string | undefined, read: (path: string) => string): string | undefined {
  if (fileOrName === undefined || templateNames.includes(fileOrName)) return fileOrName;
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
