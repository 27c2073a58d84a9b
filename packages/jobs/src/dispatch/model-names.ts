// Finds the model for the name in a request, and makes the errors for unknown and missing names.
import { WaggleError, refuseField } from "@waggle/protocol";

/** An error message lists at most this many names. */
const shownNames = 20;
const shownChars = 256;
/** What to do at a server without models. */
export const getModel = '"waggle pull" downloads one';

interface Named {
  readonly name: string;
  readonly aliases: ReadonlySet<string>;
  readonly fileName?: string | undefined;
}

/** Compares `asked` with names and aliases: first exactly, then without regard to case, spaces, `:latest` and `.gguf`; then with the names of files. */
export function findNamed<T extends Named>(entries: readonly T[], asked: string): T | undefined {
  const plainName = plain(asked);
  const names = ({ name, aliases }: T): string[] => [name, ...aliases];
  return (
    entries.find((entry) => names(entry).includes(asked)) ??
    entries.find((entry) => names(entry).some((name) => plain(name) === plainName)) ??
    entries.find(({ fileName }) => fileName !== undefined && plain(fileName) === plainName)
  );
}

function plain(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/\s+/g, "-")
    .replace(/(:latest|\.gguf)$/, "");
}

/**
 * Finds the model that a request names; `implied` serves requests with an unknown name or none.
 * @throws WaggleError not_found, invalid_argument
 */
export function requireModel<T extends Named>(
  entries: readonly T[],
  asked: string | null | undefined,
  { implied, who = "this worker" }: { readonly implied: T | undefined; readonly who?: string },
): T {
  const name = asked ?? "";
  const found = findNamed(entries, name) ?? implied;
  if (found !== undefined) return found;
  if (name !== "" || entries.length === 0) throw unknownModel(name, entries, who);
  throw refuseField("model", `it is required, since ${servedNamesText(entries, who)}`);
}

/** @param who how the error message names the server of the models */
export function unknownModel(asked: string, entries: readonly Pick<Named, "name">[], who = "this worker"): WaggleError {
  const problem = "it does not exist";
  // Clients search for these words, or for the code that OpenAI's dialect makes of the field.
  const missing =
    asked === "" ? "Cannot find a model:" : `Cannot find model "${asked.slice(0, shownChars)}": ${problem};`;
  return new WaggleError("not_found", `${missing} ${servedNamesText(entries, who)}.`, {
    details: { problems: [{ field: "model", problem }] },
  });
}

function servedNamesText(entries: readonly Pick<Named, "name">[], who: string): string {
  if (entries.length === 0) return `${who} has no models. ${getModel}`;
  const names = entries.slice(0, shownNames).map(({ name }) => name);
  const more = entries.length - names.length;
  return `${who} serves ${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
