// Tests the dashboard and the alerts of packaging/: Prometheus' grammar parses every expression, and its metrics and labels exist.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { promqlFacts } from "./testing/promql.ts";
import { metricTable } from "./metric-table.ts";
import type { MetricRow } from "./metric-table.ts";
import { createWorkerMetrics } from "./metrics.ts";

interface Expression {
  readonly where: string;
  readonly expression: string;
  /** Labels that the panel's legend or the alert's text shows. */
  readonly shown: readonly string[];
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string; readonly refId: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const fileOf = (name: string): string => readFileSync(new URL(`../../../packaging/${name}`, import.meta.url), "utf8");
const dashboard = JSON.parse(fileOf("grafana/waggle-dashboard.json")) as Dashboard;
const alerts = parse(fileOf("prometheus/alerts.yaml")) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = alerts.groups.flatMap((group) => group.rules);

/** Labels that Prometheus adds to every series. */
const scrapeLabels = ["instance", "job"];

const labelsOf = new Map<string, readonly string[]>([["up", scrapeLabels]]);
for (const row of Object.values<MetricRow>(metricTable)) {
  const labels = [...row.labels, ...scrapeLabels];
  if (row.kind === "histogram") {
    for (const part of ["sum", "count"]) labelsOf.set(`${row.name}_${part}`, labels);
    labelsOf.set(`${row.name}_bucket`, [...labels, "le"]);
  } else labelsOf.set(row.name, labels);
}
const scrape = await createWorkerMetrics().text();
for (const [, name = ""] of scrape.matchAll(/^# TYPE ((?:process|nodejs)_\w+) gauge$/gm))
  labelsOf.set(name, scrapeLabels);

/** Replaces Grafana's variables for durations. Variables in quotes may stay, since they are valid strings. */
const filledIn = (expression: string): string =>
  expression.replaceAll(/\$__(rate_interval|interval)\b/g, "5m").replaceAll(/\$__range\b/g, "1h");
const namesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name = ""]) => name);

const expressions: readonly Expression[] = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat, refId }) => ({
      where: `panel ${title} ${refId}`,
      expression: filledIn(expr),
      shown: namesIn(legendFormat, /\{\{\s*(\w+)\s*\}\}/g),
    })),
  ),
  ...rules.map(({ alert, expr, annotations }) => ({
    where: `alert ${alert}`,
    expression: expr,
    shown: namesIn(Object.values(annotations).join(" "), /\$labels\.(\w+)/g),
  })),
];

test("each panel of the dashboard has a description", () => {
  const panels = dashboard.panels.filter(({ targets = [] }) => targets.length > 0);
  expect(panels.filter(({ description = "" }) => description === "").map(({ title }) => title)).toEqual([]);
});

test.each(expressions.map((each) => [each.where, each] as const))(
  "%s names metrics and labels that exist",
  (_, each) => {
    const { errors, selectors, groupings } = promqlFacts(each.expression);
    expect(errors).toEqual([]);
    expect(selectors).not.toEqual([]);
    for (const { metric, labels } of selectors) {
      const known = labelsOf.get(metric);
      expect(known, `the worker has no metric ${metric}`).toBeDefined();
      expect(known).toEqual(expect.arrayContaining([...labels]));
    }
    const available = selectors.flatMap(({ metric }) => labelsOf.get(metric) ?? []);
    expect(available).toEqual(expect.arrayContaining([...groupings]));
    // When an expression groups series, the result has only the labels of the grouping.
    const kept = groupings.length > 0 ? groupings : available;
    expect(kept).toEqual(expect.arrayContaining([...each.shown]));
  },
);

test("quantiles use buckets, and rates use counters", () => {
  const counters = Object.values<MetricRow>(metricTable).flatMap(({ kind, name }) =>
    kind === "counter" ? [name] : [],
  );
  for (const { where, expression } of expressions) {
    if (expression.includes("histogram_quantile")) expect(expression, where).toMatch(/_bucket\b[^]*\[|\ble\b/);
    for (const { metric } of promqlFacts(expression).selectors) {
      const counted = counters.includes(metric as MetricRow["name"]) || /_(bucket|sum|count)$/.test(metric);
      const rated = new RegExp(`(rate|increase)\\(${metric}[{[]`).test(expression);
      expect([where, metric, rated]).toEqual([where, metric, counted]);
    }
  }
});

test("the dashboard has every panel once, and defines the variables that it uses", () => {
  const ids = dashboard.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const variables = dashboard.templating.list.map(({ name }) => name);
  const used = namesIn(JSON.stringify(dashboard.panels), /\$\{?([a-z]\w*)/g);
  expect(variables).toEqual(expect.arrayContaining([...new Set(used)]));
  for (const { definition = "" } of dashboard.templating.list) {
    for (const name of namesIn(definition, /^label_values\((waggle_\w+)/g)) expect(labelsOf.has(name)).toBe(true);
  }
});

test("each alert has a unique name, a summary, and a description that says what to look at first", () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { alert, annotations } of rules) {
    expect(annotations["summary"], alert).toMatch(/./);
    expect(annotations["description"], alert).toContain("Look first ");
  }
});
