// Makes the error message for a client if the model's chat template does not take the client's messages.
import { TemplateInputError } from "../format/index.ts";
import { TemplateError } from "../template/index.ts";

/** Limits the reason that a template gives for a refusal: templates can give any text. */
const maxReasonChars = 200;

/** Returns a clause about the messages, without a full stop; undefined for an error that does not depend on the messages. */
export function problemOfMessages(error: unknown): string | undefined {
  if (error instanceof TemplateInputError) return error.message;
  if (!(error instanceof TemplateError) || error.reason === "unavailable") return undefined;
  const what = error.reason === "refused" ? "does not take them" : "cannot render them";
  return `the model's chat template ${what}: ${error.message.slice(0, maxReasonChars)}`;
}
