// Answers questions about a syntax tree: whether it has thoughts, content, calls, lists of calls or names of tools.
import { type Syntax, hasCall } from "../syntax.ts";

/** Which part of an answer an item writes, where it could write several. */
export type Saying = "reasoning" | "content" | "call";

/** Whether the item holds the text of this part, and not only its opening marker. */
export function tells(syntax: Syntax, saying: Saying): boolean {
  switch (syntax.kind) {
    case "text":
      return syntax.part === saying;
    case "arguments":
    case "object":
      return saying === "call";
    case "sequence":
    case "choice":
      return syntax.items.some((item) => tells(item, saying));
    case "optional":
    case "repeat":
      return tells(syntax.item, saying);
    default:
      return false;
  }
}

/** Whether the item can write this part. */
export function says(syntax: Syntax, saying: Saying): boolean {
  switch (syntax.kind) {
    case "text":
      return syntax.part === saying;
    case "sequence":
    case "choice":
      return syntax.items.some((item) => says(item, saying));
    case "optional":
    case "repeat":
      return says(syntax.item, saying);
    case "name":
    case "implied-name":
    case "arguments":
    case "object":
      return saying === "call";
    case "id":
      return saying === "call" && syntax.name !== undefined;
    case "literal":
    case "blank":
      return false;
  }
}

/** How often a call writes the tool's name at most. Where it does so twice, one rule for several tools could mix their names. */
export function namesIn(syntax: Syntax): number {
  switch (syntax.kind) {
    case "name":
    case "implied-name":
    case "object":
      return 1;
    case "id":
      return syntax.name === undefined ? 0 : 1;
    case "sequence":
      return syntax.items.reduce((sum, item) => sum + namesIn(item), 0);
    case "choice":
      return Math.max(0, ...syntax.items.map(namesIn));
    case "optional":
    case "repeat":
      return namesIn(syntax.item);
    default:
      return 0;
  }
}

/** Whether a call in it writes only the members that the schema declares, also where the schema holds no values. */
export function declaresMembers(syntax: Syntax): boolean {
  switch (syntax.kind) {
    case "arguments":
      return syntax.syntax.kind === "elements";
    case "sequence":
    case "choice":
      return syntax.items.some(declaresMembers);
    case "optional":
    case "repeat":
      return declaresMembers(syntax.item);
    default:
      return false;
  }
}

/** Whether the item holds a list of calls. */
export function holdsList(syntax: Syntax): boolean {
  switch (syntax.kind) {
    case "repeat":
      return hasCall(syntax.item);
    case "sequence":
    case "choice":
      return syntax.items.some(holdsList);
    case "optional":
      return holdsList(syntax.item);
    default:
      return false;
  }
}
