// Reports the models of other programs, with the command that serves each one where it is.
import type { OtherModels } from "../local/other-programs.ts";
import { otherModelWords } from "../local/show-other-models.ts";
import { ok, type Finding } from "./finding.ts";

const check = "Other programs";

/** Returns a finding for each model that Waggle can serve, and one for the rest; nothing if there is no model. */
export function checkOtherModels({ models, leftOut, unreadable }: OtherModels): readonly Finding[] {
  const found = models.flatMap((model) =>
    "command" in model.use
      ? [{ ...ok(check, otherModelWords(model)), remedy: `Serve it without copying it: ${model.use.command}` }]
      : [],
  );
  const unusable = models.length - found.length;
  return [
    ...found,
    ...(unusable > 0 ? [ok(check, `${unusable} more cannot be served: "waggle list" without a worker says why`)] : []),
    ...(leftOut > 0 ? [ok(check, `${leftOut} more were not examined`)] : []),
    ...unreadable.map((folder) => ok(check, `this user may not read ${folder}`)),
  ];
}
