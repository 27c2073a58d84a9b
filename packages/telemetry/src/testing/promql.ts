// Finds the metrics of a PromQL expression, and the labels by which the expression selects and groups series. Prometheus' grammar is the parser.
import { parser } from "@prometheus-io/lezer-promql";

export interface PromqlFacts {
  /** The parts that cannot be parsed; empty for a valid expression. */
  readonly errors: readonly string[];
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[];
  /** Labels of `by`, `without`, `on`, `ignoring` and `group_left`. */
  readonly groupings: readonly string[];
}

export function promqlFacts(expression: string): PromqlFacts {
  const tree = parser.parse(expression);
  const errors: string[] = [];
  const selectors: { metric: string; labels: string[] }[] = [];
  const groupings: string[] = [];
  const textOf = ({ from, to }: { readonly from: number; readonly to: number }): string => expression.slice(from, to);
  tree.iterate({
    enter(node) {
      if (node.type.isError) errors.push(`at ${node.from}: ${textOf(node)}`);
      if (node.name === "VectorSelector") selectors.push({ metric: "", labels: [] });
      const last = selectors.at(-1);
      if (node.name === "Identifier" && last !== undefined) last.metric = textOf(node);
      if (node.name !== "LabelName") return;
      if (node.node.parent?.name === "GroupingLabels") groupings.push(textOf(node));
      else last?.labels.push(textOf(node));
    },
  });
  return { errors, selectors, groupings };
}
