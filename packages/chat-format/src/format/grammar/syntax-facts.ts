// Answers questions about a syntax tree: whether it has thoughts, content, calls, lists of calls or names of tools.
import { type Syntax, hasCall, hasLeaf, innerOf } from "../syntax.ts";

/** A part of an answer. An item is printed separately for each of these parts. */
export type Saying = "reasoning" | "content" | "call";

/** Whether the syntax has the text of this part, and not only its opening marker. */
export function tells(syntax: Syntax, saying: Saying): boolean {
  return hasLeaf(syntax, (leaf) =>
    leaf.kind === "text"
      ? leaf.part === saying
      : saying === "call" && (leaf.kind === "arguments" || leaf.kind === "object"),
  );
}

/** Whether the syntax can write this part. */
export function says(syntax: Syntax, saying: Saying): boolean {
  return hasLeaf(syntax, (leaf) => {
    if (leaf.kind === "text") return leaf.part === saying;
    return saying === "call" && (hasCall(leaf) || (leaf.kind === "id" && leaf.name !== undefined));
  });
}

/** How often a call writes the tool's name, at most. If a call writes its tool's name twice, one rule for several tools could mix the names of two tools. */
export function namesIn(syntax: Syntax): number {
  switch (syntax.kind) {
    case "name":
    case "implied-name":
    case "object":
      return 1;
    case "id":
      return syntax.name === undefined ? 0 : 1;
    case "choice":
      return Math.max(0, ...syntax.items.map(namesIn));
    default:
      return (innerOf(syntax) ?? []).reduce((sum, item) => sum + namesIn(item), 0);
  }
}

/** Whether a call in this syntax can have only the members in its tool's schema, even if any arguments are allowed. */
export function declaresMembers(syntax: Syntax): boolean {
  return hasLeaf(syntax, (leaf) => leaf.kind === "arguments" && leaf.syntax.kind === "elements");
}

/** Whether the syntax has a list of calls. */
export function holdsList(syntax: Syntax): boolean {
  return syntax.kind === "repeat" ? hasCall(syntax.item) : innerOf(syntax)?.some(holdsList) === true;
}
