// Reads the chat template that replaces the model's: a known name, or the text of a file.
import { templateNames } from "@waggle/chat-format/describe";
import { SettingsError } from "@waggle/daemon";
import { errorReason } from "@waggle/daemon/terminal";

/** The longest template that we know has 20 KB. */
const maxTemplateChars = 262_144;

/**
 * @returns one of `templateNames`, or the text of the file; undefined when no template is set
 * @throws SettingsError with a sentence that names the file
 */
export function readChatTemplate(fileOrName: string | undefined, read: (path: string) => string): string | undefined {
  if (fileOrName === undefined || templateNames.includes(fileOrName)) return fileOrName;
  const refused = (reason: string): SettingsError =>
    new SettingsError([`Cannot use --chat-template ${fileOrName}: ${reason}.`]);
  let text: string;
  try {
    text = read(fileOrName);
  } catch (error) {
    throw refused(`${errorReason(error)}; a name is one of ${templateNames.join(", ")}`);
  }
  if (text.trim() === "") throw refused("the file is empty");
  if (text.length > maxTemplateChars) throw refused(`it has more than ${maxTemplateChars} characters`);
  return text;
}
