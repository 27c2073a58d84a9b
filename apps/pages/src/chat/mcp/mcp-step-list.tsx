// Shows the steps of an answer with MCP tools: calls, the question for consent, and results, which are marked as data of their tool.
import type { VNode } from "preact";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Icon } from "../../parts/icons.tsx";
import { Markdown } from "../../parts/markdown/markdown.tsx";
import { ToolCallCards } from "../tool-calls/tool-call-cards.tsx";
import { withEscapes } from "../tool-calls/tool-calls.ts";
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
      {steps.map((step, index) => (
        <div class="stack tight" key={index}>
          {step.text !== "" && <Markdown text={step.text} />}
          <ToolCallCards answerId={answerId} calls={step.calls} live={false} onResults={undefined} />
          {live && step.asks !== undefined && <Consent callId={step.asks} step={step} onConsent={onConsent} />}
          {step.results.map((result) => (
            <Result key={result.callId} result={result} />
          ))}
        </div>
      ))}
    </>
  );
}

function Consent({
  callId,
  step,
  onConsent,
}: Pick<McpStepListProps, "onConsent"> & { readonly callId: string; readonly step: McpStep }): VNode {
  const name = step.calls.find(({ id }) => id === callId)?.name ?? "the tool";
  return (
    <div class="stack tight mcp-consent" role="group" aria-label={`Consent to ${name}`}>
      <p>
        The model wants to call <strong class="anywhere">{withEscapes(name)}</strong>.
      </p>
      <div class="row">
        <button type="button" class="button primary" onClick={() => onConsent(callId, "once")}>
          Allow once
        </button>
        <button type="button" class="button" onClick={() => onConsent(callId, "conversation")}>
          Allow in this conversation
        </button>
        <button type="button" class="button quiet" onClick={() => onConsent(callId, "no")}>
          Refuse
        </button>
      </div>
    </div>
  );
}

function Result({ result: { server, tool, outcome, text } }: { readonly result: McpResult }): VNode {
  const title = `Result of tool ${tool} of server ${server}`;
  const words = outcomeWords[outcome];
  return (
    <figure class="code tool-result mcp-result" data-result={tool}>
      <figcaption class="spread">
        <span class="row tool-name">
          <Icon name="tool" />
          <span class="anywhere">{title}</span>
          {words !== undefined && <span class="badge warn">{words}</span>}
        </span>
        <CopyButton text={text} label="Copy result" />
      </figcaption>
      <pre class="verbatim" tabIndex={0} role="group" aria-label={title}>
        {text === "" ? <span class="muted">Nothing</span> : withEscapes(text)}
      </pre>
    </figure>
  );
}
