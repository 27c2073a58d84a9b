// Makes the error message for a client whose messages the model's chat template refuses.
import { TemplateInputError } from "../format/index.ts";
import { TemplateError } from "../template/index.ts";

/** The message of a template's refusal can be any text. */
const maxReasonChars = 200;

/** The end of a sentence about the messages; undefined for an error that does not depend on the messages. */
export function problemOfMessages(error: unknown): string | undefined {
  if (error instanceof TemplateInputError) return error.message;
  if (!(error instanceof TemplateError) || error.reason === "unavailable") return undefined;
  const what = error.reason === "refused" ? "does not take them" : "cannot render them";
  return `the model's chat template ${what}: ${error.message.slice(0, maxReasonChars)}`;
}
