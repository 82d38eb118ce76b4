/** A substitute for a server that finds its configuration wrong. */
process.stderr.write('{"level":"error","msg":"the configuration is wrong"}\n');
process.exitCode = 1;
