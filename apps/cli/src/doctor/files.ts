// Checks files and folders: write permission, free space, and readers and rights of the token file.
import { formatBytes } from "@waggle/daemon/terminal";
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

export interface TokenFileFacts {
  readonly path: string;
  /** The file's permission bits. */
  readonly mode: number;
}

export function checkTokenFile(facts: TokenFileFacts | undefined): Finding | undefined {
  if (facts === undefined) return undefined;
  const { path, mode } = facts;
  if ((mode & 0o077) === 0) return ok("Token file", path);
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  return warning("Token file", `${path} can be read by others (mode ${shown})`, `Restrict it: chmod 600 ${path}.`);
}

export interface ToolRightFacts {
  /** The path of the file of MCP servers. */
  readonly mcpConfig: string | undefined;
  /** The path of the token file. */
  readonly apiTokenFile?: string | undefined;
  readonly apiTokens: readonly Pick<TokenRights, "tools">[];
}

/** Checks valid settings for MCP servers that no token can use. */
export function checkToolRights({ mcpConfig, apiTokenFile, apiTokens }: ToolRightFacts): Finding {
  const isUsable = apiTokens.length === 0 || apiTokens.some(({ tools }) => tools === "all" || tools.size > 0);
  if (mcpConfig === undefined || isUsable) return ok("Settings", "valid");
  return warning(
    "Settings",
    `no API token has a right to the MCP servers of ${mcpConfig}`,
    `Add tools=all, or names as in tools=files,search, after a token in ${apiTokenFile ?? "WAGGLE_API_TOKEN"}: <token> tools=all.`,
  );
}

/** @param refusal the error of `waggle serve` with these variables */
export function refused(refusal: string): Finding {
  return problem("Settings", refusal, "Correct the variable named here.");
}
