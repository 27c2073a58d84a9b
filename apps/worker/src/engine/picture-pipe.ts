// Owns the way of pictures to the engine process: their bytes follow the commands over a separate pipe, in the same order. Decision 109.
import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { picturesOf, withPictures, type EngineCommand, type Picture } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";

/** Index of the pipe among the files of the engine process. */
export const picturePipe = 4;
/** Maximum number of bytes that wait for the engine to read them. They are not copies: only those of ended jobs take memory. */
const mostWaitingBytes = 2 ** 30;

/** A command on the channel whose pictures cross over the pipe. */
export interface CommandWithPictures {
  readonly type: "with_pictures";
  /** The command without its pictures. */
  readonly command: EngineCommand;
  readonly pictures: readonly PictureToCome[];
}

interface PictureToCome {
  readonly sha256: string;
  /** Number of bytes. */
  readonly bytes: number;
}

/**
 * Sends a command, with the bytes of its pictures.
 * @throws Error when the command is nested too deep or is too long for JSON; WaggleError resource_exhausted when too many bytes wait
 */
export function sendCommand(
  engine: Pick<ChildProcess, "send" | "stdio">,
  command: EngineCommand,
  onSent: (error: Error | null) => void,
): void {
  const pictures = picturesOfCommand(command);
  if (pictures.length === 0) return void engine.send(command, onSent);
  const pipe = engine.stdio[picturePipe] as Writable;
  const bytes = pictures.reduce((sum, picture) => sum + picture.bytes.length, 0);
  if (pipe.writableLength + bytes > mostWaitingBytes) {
    throw new WaggleError("resource_exhausted", "too many pictures wait for the engine", { retryAfterS: 1 });
  }
  const message: CommandWithPictures = {
    type: "with_pictures",
    command: commandWith(command, undefined),
    pictures: pictures.map((picture) => ({ sha256: picture.sha256, bytes: picture.bytes.length })),
  };
  engine.send(message, onSent);
  for (const picture of pictures) pipe.write(picture.bytes);
}

export interface PictureInlet {
  /**
   * Delivers the command, with its pictures as soon as they are complete. A command about the same job as a command that waits for its pictures is
   * delivered after it; other commands do not wait.
   */
  take(message: EngineCommand | CommandWithPictures): void;
}

/** A command that waits for its pictures. */
interface Arrival {
  readonly command: EngineCommand;
  readonly toCome: readonly PictureToCome[];
  readonly pictures: Picture[];
  /** The ids of the command, and of the commands behind it. */
  readonly ids: Set<string>;
  readonly behind: EngineCommand[];
}

/** The engine's end of the pipe. It reads only what a command names, so that other bytes stay with the worker. */
export function createPictureInlet(pipe: Readable, deliver: (command: EngineCommand) => void): PictureInlet {
  const arrivals: Arrival[] = [];
  /** The picture that arrives now, and the number of its bytes that are here. */
  let present: { readonly bytes: Uint8Array; at: number } | undefined;

  function receive(): void {
    for (let arrival = arrivals[0]; arrival !== undefined; arrival = arrivals[0]) {
      if (!complete(arrival)) return;
      arrivals.shift();
      deliver(commandWith(arrival.command, arrival.pictures));
      arrival.behind.forEach(deliver);
    }
  }

  function complete({ toCome, pictures }: Arrival): boolean {
    for (const { sha256, bytes } of toCome.slice(pictures.length)) {
      present ??= { bytes: new Uint8Array(bytes), at: 0 };
      while (present.at < bytes) {
        const count = Math.min(bytes - present.at, pipe.readableLength);
        if (count === 0) return false;
        present.bytes.set(pipe.read(count) as Uint8Array, present.at);
        present.at += count;
      }
      pictures.push({ sha256, bytes: present.bytes });
      present = undefined;
    }
    return true;
  }

  pipe.on("readable", receive);
  // The worker is gone, and the channel closes too.
  pipe.on("error", () => {});
  return {
    take(message) {
      if (message.type === "with_pictures") {
        const { command, pictures: toCome } = message;
        arrivals.push({ command, toCome, pictures: [], ids: new Set(idsOf(command)), behind: [] });
        receive();
        return;
      }
      const ids = idsOf(message);
      const before = arrivals.findLast((arrival) => ids.some((id) => arrival.ids.has(id)));
      if (before === undefined) return deliver(message);
      before.behind.push(message);
      for (const id of ids) before.ids.add(id);
    },
  };
}

function picturesOfCommand(command: EngineCommand): readonly Picture[] {
  if (command.type === "prepare") return picturesOf(command.job.work) ?? [];
  if (command.type === "query" && command.question.kind === "count") return command.question.pictures ?? [];
  return [];
}

function commandWith(command: EngineCommand, pictures: readonly Picture[] | undefined): EngineCommand {
  if (command.type === "prepare") {
    return { ...command, job: { ...command.job, work: withPictures(command.job.work, pictures) } };
  }
  if (command.type === "query" && command.question.kind === "count") {
    return { ...command, question: { ...command.question, pictures } };
  }
  return command;
}

/** The ids under which the engine knows the work or the choices of the command. */
function idsOf(command: EngineCommand): readonly string[] {
  switch (command.type) {
    case "prepare":
      return [command.job.jobId];
    case "start":
      return [command.prepared, ...command.choices.map(({ jobId }) => jobId)];
    case "drop":
      return [command.prepared];
    case "cancel":
      return [command.jobId];
    case "query":
    case "limit_threads":
    case "shutdown":
      return [];
  }
}
