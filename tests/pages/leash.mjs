// Ends other processes together with this one.

import { spawn } from "node:child_process";

/// Ends a process, or with a number below zero a group of them, and removes its folder when this process has ended,
/// whatever ended it: a shell waits for the end of a pipe of which this process has the other end.
export function leash(target, folder) {
  const ending = ["-c", 'read -r _; kill -s KILL -- "$0"; rm -rf "$1"', String(target), folder];
  const shell = spawn("sh", ending, { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  shell.unref();
  shell.stdin.unref();
}
