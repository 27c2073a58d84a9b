// Owns converting TeX to MathML with Temml. Only listed elements, attributes and styles are kept, so that a formula cannot link or load
// anything. An invalid or too large formula gives no result.
import { h, type ComponentChild, type VNode } from "preact";
import temml from "temml";
import "./formula.css";

/** Limit of macro expansions in a formula. */
const maxExpansions = 200;
/** Limits of sizes in a formula: in em, and in points. */
const maxSizes: [number, number] = [20, 240];
const maxNodes = 5_000;
const maxDepth = 60;

const elements = new Set(
  (
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded mphantom menclose msub msup msubsup munder mover " +
    "munderover mmultiscripts mprescripts none mtable mtr mtd mlabeledtr span"
  ).split(" "),
);
const attributes = new Set(
  (
    "display displaystyle scriptlevel mathvariant stretchy symmetric fence separator form largeop movablelimits accent accentunder " +
    "lspace rspace minsize maxsize linethickness width height depth voffset columnalign columnlines rowlines rowspacing columnspacing " +
    "columnspan rowspan notation mathcolor mathbackground"
  ).split(" "),
);
const styles = new Set(
  (
    "color backgroundColor width height minWidth padding paddingLeft paddingRight paddingTop paddingBottom margin marginLeft marginRight " +
    "border borderLeft borderRight borderTop borderBottom borderStyle borderWidth borderColor textAlign verticalAlign fontSize fontWeight " +
    "fontStyle mathDepth math-depth mathStyle"
  ).split(" "),
);

interface TemmlNode {
  readonly type?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly children?: readonly TemmlNode[];
  readonly classes?: readonly string[];
  readonly style?: Readonly<Record<string, string | number>>;
  readonly text?: string;
}

/** Undefined for an invalid formula. */
export function drawFormula(tex: string, display: boolean): VNode | undefined {
  try {
    const options = {
      displayMode: display,
      throwOnError: true,
      trust: false,
      maxExpand: maxExpansions,
      maxSize: maxSizes,
    };
    const tree = temml.__renderToMathMLTree(tex, options) as TemmlNode;
    const math = convert(tree, { nodes: 0 }, 0);
    return typeof math === "object" && math !== null && "type" in math ? (math as VNode) : undefined;
  } catch {
    return undefined;
  }
}

/** @throws RangeError for a formula that is too large */
function convert(node: TemmlNode, count: { nodes: number }, depth: number): ComponentChild {
  count.nodes += 1;
  if (count.nodes > maxNodes || depth > maxDepth) throw new RangeError("Cannot draw a formula: it is too large");
  const children = (node.children ?? []).map((child) => convert(child, count, depth + 1));
  if (node.text !== undefined) return node.text;
  const name = node.type ?? (node.classes === undefined ? undefined : "span");
  if (name === undefined || !elements.has(name)) return children;
  const props: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node.attributes ?? {})) if (attributes.has(key)) props[key] = value;
  const style = Object.entries(node.style ?? {}).filter(
    ([key, value]) => styles.has(key) && !/url|image|expression/i.test(String(value)),
  );
  // The page's Content-Security-Policy forbids style attributes, but code may set single style properties.
  if (style.length > 0) props["style"] = Object.fromEntries(style.map(([key, value]) => [key, String(value)]));
  const classes = (node.classes ?? []).filter((word) => /^[a-z-]+$/i.test(word));
  if (classes.length > 0) props["class"] = classes.join(" ");
  return h(name, props, ...children);
}
