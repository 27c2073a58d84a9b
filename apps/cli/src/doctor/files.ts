// Checks files and folders: write permission, free space, complete models, and readers and rights of the token file.
import { counted, formatBytes } from "@waggle/daemon/terminal";
import type { TokenRights } from "@waggle/daemon/tokens";
import { ok, problem, warning, type Finding } from "./finding.ts";

const mib = 2 ** 20;
const gib = 2 ** 30;

export interface FolderFacts {
  readonly path: string;
  /** What Waggle writes there. */
  readonly purpose: string;
  /** The folder itself or, if it does not exist yet, its nearest existing parent. */
  readonly existing: string;
  readonly isFolder: boolean;
  readonly writable: boolean;
}

export function checkFolder({ path, purpose, existing, isFolder, writable }: FolderFacts): Finding {
  const check = `Folder of ${purpose}`;
  if (!isFolder)
    return problem(check, `${existing} is not a folder`, `Remove this file, or set another folder than ${path}.`);
  if (!writable) {
    return problem(
      check,
      `${existing} cannot be written`,
      `Make this user the owner: sudo chown -R "$USER" ${existing}.`,
    );
  }
  return ok(check, existing === path ? path : `${path} (will be created)`);
}

/** @param freeBytes on the file system of the models folder */
export function checkDisk(folder: string, freeBytes: number): Finding {
  const text = `${formatBytes(freeBytes)} free at ${folder}`;
  const remedy =
    'Free some space ("waggle rm" deletes downloads), or set WAGGLE_MODELS_DIR to a folder on another disk.';
  if (freeBytes < 100 * mib) return problem("Disk", text, remedy);
  return freeBytes < 5 * gib ? warning("Disk", text, remedy) : ok("Disk", text);
}

export interface ModelFileFacts {
  readonly name: string;
  readonly reference: string | undefined;
  /** The downloaded share, 0 to 1, of an incomplete file; undefined when the file is complete. */
  readonly begun?: number | "unknown" | undefined;
  /** The problem of the file's header. */
  readonly damage?: string | undefined;
  /** Set when less memory is available than the model needs at least. */
  readonly tooLarge?: { readonly needsBytes: number; readonly availableBytes: number } | undefined;
  /** The file was not downloaded by Waggle, so Waggle does not delete it. */
  readonly own?: boolean;
}

/** Returns a finding for each model with a problem, or one finding when all models are fine. */
export function checkModelFiles(models: readonly ModelFileFacts[]): readonly Finding[] {
  const check = "Models";
  const found = models.flatMap(({ name, reference, begun, damage, tooLarge, own = false }) => {
    const again = reference === undefined ? `waggle rm ${name}` : `waggle pull ${reference}`;
    if (begun !== undefined) {
      const share = begun === "unknown" ? "" : `, ${Math.floor(begun * 100)} %`;
      return [
        warning(
          check,
          `${name} is incomplete${share}`,
          `Continue with "${again}", or delete it with "waggle rm ${name}".`,
        ),
      ];
    }
    if (tooLarge !== undefined) {
      const { needsBytes, availableBytes } = tooLarge;
      const text = `${name} needs ${formatBytes(needsBytes)} of memory, and ${formatBytes(availableBytes)} are available`;
      return [warning(check, text, "Close other programs, or take a smaller quantization: waggle fit hf:user/repo.")];
    }
    if (damage === undefined) return [];
    if (own) return [problem(check, `${name}: ${damage}`, "Correct the path in the settings, or get the file again.")];
    const fetch = reference === undefined ? "and get it again" : `and "${again}"`;
    return [problem(check, `${name}: ${damage}`, `Delete it with "waggle rm ${name}" ${fetch}.`)];
  });
  if (found.length > 0) return found;
  if (models.length === 0) return [ok(check, "no downloads; the embedded model is always available")];
  const own = models.filter((one) => one.own === true).length;
  const counts = [
    ...(models.length > own ? [`${models.length - own} downloaded`] : []),
    ...(own > 0 ? [`${own} other`] : []),
  ];
  return [ok(check, `${counts.join(" and ")}, all complete`)];
}

export interface TokenFileFacts {
  readonly path: string;
  /** Why the file cannot be read; undefined if it can. */
  readonly error: string | undefined;
  /** The file's permission bits; undefined on Windows, which has no such bits. */
  readonly mode: number | undefined;
}

export function checkTokenFile(facts: TokenFileFacts | undefined): Finding | undefined {
  if (facts === undefined) return undefined;
  const { path, error, mode } = facts;
  if (error !== undefined) {
    return problem(
      "Token file",
      `${path}: ${error}`,
      "Correct the path in WAGGLE_API_TOKEN_FILE, or give the file to this user.",
    );
  }
  if (mode !== undefined && (mode & 0o077) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    return warning("Token file", `${path} can be read by others (mode ${shown})`, `Restrict it: chmod 600 ${path}.`);
  }
  return ok("Token file", path);
}

export interface ToolRightFacts {
  /** The path of the file of MCP servers. */
  readonly mcpConfig: string | undefined;
  /** The path of the token file. */
  readonly apiTokenFile?: string | undefined;
  readonly apiTokens: readonly Pick<TokenRights, "tools">[];
}

/** Warns of a worker whose MCP servers no token can use. */
export function checkToolRights({ mcpConfig, apiTokenFile, apiTokens }: ToolRightFacts): Finding | undefined {
  if (mcpConfig === undefined || apiTokens.length === 0) return undefined;
  if (apiTokens.some(({ tools }) => tools === "all" || tools.size > 0)) return undefined;
  return warning(
    "Tools",
    `no API token has a right to the MCP servers of ${mcpConfig}`,
    `Add tools=all, or names as in tools=files,search, after a token in ${apiTokenFile ?? "WAGGLE_API_TOKEN"}: <token> tools=all.`,
  );
}

/** @param refusal the error of `waggle serve` with these variables; undefined if the worker would start */
export function checkSettings(refusal: string | undefined, given: number): Finding {
  if (refusal !== undefined) {
    return problem("Settings", refusal, "Correct the variable named here.");
  }
  return ok("Settings", given === 0 ? "defaults" : `${counted(given, "WAGGLE_ variable")}, valid`);
}
