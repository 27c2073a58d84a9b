// Shows the steps of an answer with MCP tools: calls, the question for consent, and results, which are marked as data of their tool.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useContext, useEffect } from "preact/hooks";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Icon } from "../../parts/icons.tsx";
import { Markdown } from "../../parts/markdown/markdown.tsx";
import { PageActionsContext } from "../page-actions.ts";
import { ToolCallCards, ToolName } from "../tool-calls/tool-call-cards.tsx";
import { prettyArguments, withEscapes, type ToolCall } from "../tool-calls/tool-calls.ts";
import { Verbatim } from "../tool-calls/verbatim.tsx";
import type { McpResult, McpStep } from "./mcp-steps.ts";
import "./mcp.css";

export type Allow = "once" | "conversation" | "no";

export interface McpStepListProps {
  readonly answerId: string;
  readonly steps: readonly McpStep[];
  /** Whether the answer still streams. */
  readonly live: boolean;
  readonly onConsent: (callId: string, allow: Allow) => void;
}

const outcomeWords: Readonly<Record<McpResult["outcome"], string | undefined>> = {
  done: undefined,
  tool_error: "error",
  failed: "not sent",
  refused: "refused",
  unknown: "outcome unknown",
};

export function McpStepList({ answerId, steps, live, onConsent }: McpStepListProps): VNode {
  return (
    <>
      {steps.map((step, index) => {
        const asking = live ? step.calls.find(({ id }) => id === step.asks) : undefined;
        const calls = step.calls.filter((call) => call !== asking);
        return (
          <div class="stack tight" key={index}>
            {step.text !== "" && <Markdown text={step.text} />}
            <ToolCallCards answerId={answerId} calls={calls} live={false} onResults={undefined} />
            {asking !== undefined && <Consent key={asking.id} call={asking} onConsent={onConsent} />}
            {step.results.map((result) => (
              <Result key={result.callId} result={result} />
            ))}
          </div>
        );
      })}
    </>
  );
}

const choices = [
  ["once", "Allow once", "primary"],
  ["conversation", "Allow in this conversation", ""],
  ["no", "Refuse", "quiet"],
] as const;

/** A description may be as long as a manual. */
const describedChars = 400;

type ConsentProps = Pick<McpStepListProps, "onConsent"> & { readonly call: ToolCall };

function Consent({ call, onConsent }: ConsentProps): VNode {
  const { id, name, tool = name, server } = call;
  const description = useSignal("");
  const page = useContext(PageActionsContext);
  useEffect(() => void page.describeTool(name).then((text = "") => (description.value = text)), [name]);
  const { value: text } = description;
  return (
    <div
      class="stack tight mcp-consent"
      role="group"
      aria-label={server === undefined ? `Consent to ${tool}` : `Consent to ${tool} of the server ${server}`}
    >
      <p>
        <ToolName call={call} /> wants to run.
      </p>
      {text !== "" && (
        <p class="small muted anywhere">
          {withEscapes(text.length > describedChars ? `${text.slice(0, describedChars)}…` : text)}
        </p>
      )}
      <div class="code">
        <Verbatim text={prettyArguments(call)} label={`Arguments of ${tool}`} />
      </div>
      <div class="row">
        {choices.map(([allow, label, kind]) => (
          <button type="button" key={allow} class={`button ${kind}`} onClick={() => onConsent(id, allow)}>
            {label}
          </button>
        ))}
      </div>
    </div>
  );
}

function Result({ result: { server, tool, outcome, text } }: { readonly result: McpResult }): VNode {
  const title = `Result of ${tool} of the server ${server}`;
  const words = outcomeWords[outcome];
  return (
    <figure class="code tool-result mcp-result" data-result={tool}>
      <figcaption class="spread">
        <span class="row tool-name">
          <Icon name="tool" />
          <span class="anywhere">{withEscapes(title)}</span>
          {words !== undefined && <span class="badge warn">{words}</span>}
        </span>
        <CopyButton text={text} label="Copy result" />
      </figcaption>
      <Verbatim text={text} label={title} />
    </figure>
  );
}
