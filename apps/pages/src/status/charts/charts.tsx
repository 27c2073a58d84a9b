// Owns the charts of the status page: the server in the shown time, on a common time axis, with a cursor that shows the values at one time in all of them.
import { useSignal } from "@preact/signals";
import type { HistoryPoint, Latency } from "@waggle/protocol";
import type { VNode } from "preact";
import { Alert } from "../../parts/alert.tsx";
import { formatClock, formatDuration } from "../../parts/format.ts";
import { MoreButton } from "../../parts/more-button.tsx";
import { Chart, type ChartContent, type ChartLine, type Figure } from "./chart.tsx";
import { workerFigures } from "../figures.ts";
import { showDragged, spanWords, TimeChoice } from "../time-choice.tsx";
import type { WorkerWatch } from "../watch-worker.ts";

/** The error code of requests for which there is no room: the queue or a quota is full. */
const fullCode = "resource_exhausted";
/** Charts without a click. */
const shownCharts = 6;

/** @param props.gateway whether the server is a gateway, which has no charts of steps because it runs no forward passes */
export function Charts({ watch, gateway }: { readonly watch: WorkerWatch; readonly gateway: boolean }): VNode {
  const { time, history } = watch;
  const span = time.span.value;
  const moments = span === undefined ? history.moments.value : (time.past.value?.moments ?? []);
  const scrape = watch.scrape.value;
  const isUnused = span === undefined && (scrape === undefined || workerFigures(scrape).accepted === 0);
  const isWhole = useSignal(false);
  const pointed = useSignal<number | undefined>(undefined);
  const line = (label: string, figure: (point: HistoryPoint) => Figure): ChartLine => ({
    label,
    values: moments.map(({ point }) => (point === undefined ? undefined : figure(point))),
  });
  const quantiles = (latency: (point: HistoryPoint) => Latency | undefined): readonly ChartLine[] => [
    line("p50", (point) => latency(point)?.p50_ms),
    line("p95", (point) => latency(point)?.p95_ms),
  ];
  const noRequests = "No requests yet";
  const empty = isUnused ? noRequests : "No requests in this time";
  const chart = (title: string, unit: string, lines: readonly ChartLine[]): ChartContent => ({
    ...{ title, unit, lines, empty },
    emptyWhenZero: true,
  });
  const errorsOf = ({ errors }: HistoryPoint): number => Object.values(errors).reduce((sum, more) => sum + more, 0);
  const answers = line("answers", (point) => point.tokens_per_second);
  const prompts = line("prompts", (point) => point.prompt_tokens_per_second);
  const running = line("running", (point) => point.running);
  const waiting = line("waiting", (point) => point.waiting);
  const noRoom = line("no room", ({ errors }) => errors[fullCode] ?? 0);
  const others = line("others", (point) => errorsOf(point) - (point.errors[fullCode] ?? 0));
  const [first, between] = [quantiles(({ ttft }) => ttft), quantiles(({ itl }) => itl)];
  const cpu = line("", (point) => percentOf(point.cpu_busy));
  const kvUse = line("", (point) => percentOf(point.kv_use));
  const width = line("", (point) => point.batch_width);
  const quiet = isUnused ? noRequests : "No errors in this time";
  const everywhere = [
    chart("Throughput", "tokens/s", [answers, prompts]),
    chart("Slots and queue", "jobs", [running, waiting]),
    { ...chart("Errors", `in ${formatDuration(time.stepMs.value)}`, [noRoom, others]), empty: quiet },
    chart("First token", "ms", first),
    chart("Between tokens", "ms", between),
  ];
  const ofEngine = [
    { ...chart("CPU", "% of the machine", [cpu]), top: 100, empty: "Nothing measured yet", emptyWhenZero: false },
    chart(
      "Forward pass",
      "ms",
      quantiles(({ step }) => step),
    ),
    chart("Batch width", "rows per step", [width]),
    { ...chart("KV cache", "% in use", [kvUse]), top: 100 },
  ];
  const keepsDay = history.keepsDay.value;
  const onDrag = keepsDay === true ? (from: number, to: number) => showDragged(time, from, to) : undefined;
  const charts = gateway ? everywhere : [...everywhere, ...ofEngine];
  const times = moments.map((moment) => moment.time);
  const at = pointed.value === undefined ? undefined : times[pointed.value];
  return (
    <>
      <Alert text={time.trouble.value} />
      <section class="stack" aria-labelledby="charts-title">
        <div class="spread wrap">
          <h2 id="charts-title">
            {span === undefined ? lengthWords(times) : spanWords(span)}
            {at !== undefined && <span class="small muted numbers">{` at ${formatClock(at * 1_000)}`}</span>}
          </h2>
          <span class="row chart-choices">
            <MoreButton isWhole={isWhole} more={charts.length - shownCharts} noun="chart" />
            <TimeChoice time={time} keepsDay={keepsDay ?? true} />
          </span>
        </div>
        <div class="charts">
          {(isWhole.value ? charts : charts.slice(0, shownCharts)).map((content) => (
            <Chart key={content.title} {...content} {...{ times, pointed, onDrag }} />
          ))}
        </div>
      </section>
    </>
  );
}

const percentOf = (share: Figure): Figure => (share === undefined ? undefined : 100 * share);

/** @param times seconds */
function lengthWords(times: readonly number[]): string {
  const minutes = Math.round(((times.at(-1) ?? 0) - (times[0] ?? 0)) / 60);
  return minutes <= 1 ? "Last minute" : `Last ${minutes} minutes`;
}
