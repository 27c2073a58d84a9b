// Owns what a syntax can say, asked of its tree: thoughts, content, calls, names of tools.
import { type Syntax, hasCall } from "../syntax.ts";

/** What is to be said with an item that could say several things. */
export type Saying = "reasoning" | "content" | "call";

/** Whether what is said stands in it, and not only the beginning of it. */
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

/** Whether it can say this. */
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

/** How often a call says the tool's name at most: twice, and a rule for several tools could mix them. */
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

/** Whether calls stand in a list within it. */
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
