"""docs/performance.md out of the results."""
import datetime
import os
import platform
import subprocess
from pathlib import Path

from contestants import ROOT

MB = 1e6
KIB = 1024


def first_line_after(path, name):
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return "unknown"


def file_system(folder):
    run = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def machine(folder):
    return {"processor": first_line_after("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "memory": f"{int(first_line_after('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
            "kernel": platform.release().split("-")[0], "file system": file_system(folder),
            "date": datetime.date.today().isoformat()}


def commit():
    run = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def verdict(value, least, aim, lower_is_better=False):
    def meets(bound):
        return value <= bound if lower_is_better else value >= bound
    return "aim met" if meets(aim) else "met" if meets(least) else "**missed**"


class Table:
    def __init__(self, results):
        self.results = results
        self.rows = []

    def rate(self, name):
        return self.results.get(name, {}).get("per_second")

    def ratio(self, title, name, weir, rival, least, aim):
        ours, theirs = self.rate(f"{name}/{weir}"), self.rate(f"{name}/{rival}")
        if ours and theirs:
            value = ours / theirs
            self.rows.append((title, f"{value:.2f} ×", f"{least} ×", f"{aim} ×", verdict(value, least, aim)))

    def value(self, title, value, shown, least, aim, unit, lower=False):
        self.rows.append((title, shown, f"{least:g} {unit}", f"{aim:g} {unit}", verdict(value, least, aim, lower)))

    def text(self):
        head = "| | measured | at least | aim | |\n|---|---|---|---|---|\n"
        return head + "\n".join(f"| {' | '.join(row)} |" for row in self.rows)


def read_mb(result):
    """Megabytes of record data a second. An answer is 1,000 records of 1 KiB; what is sent is Base64 with its frame."""
    return result["per_second"] * 1000 * KIB / MB


def promises(results):
    table = Table(results)
    single, batch = "PutRecord x64", "PutRecords x8"
    table.ratio("PutRecord 1 KiB durable, 64 connections, vs Redis XADD `appendfsync always`", single, "weir", "redis", 1.0, 1.8)
    table.ratio("… vs nginx answering a constant to the same bytes", single, "weir", "nginx", 0.3, 0.6)
    table.ratio("… vs kinesalite in memory", single, "weir", "kinesalite", 8, 15)
    table.ratio("… vs kinesis-local in memory", single, "weir", "kinesis-local", 8, 15)
    records = results[f"{batch}/weir"]["per_second"] * 500
    table.value("PutRecords 500 × 1 KiB durable, 8 connections", records / 1000, f"{records / 1000:.0f} k records/s", 150, 300,
                "k records/s")
    table.ratio("… vs kinesalite in memory", batch, "weir", "kinesalite", 10, 20)
    sync = results["PutRecord lone/fdatasync"]["p50_us"]
    lone = results["PutRecord lone/weir"]["p50_us"]
    over = lone - 2 * sync
    table.value(f"one lone PutRecord, p50, beyond 2 × fdatasync p50 ({sync:.0f} µs)", over, f"{lone:.0f} µs = {over:+.0f} µs", 150, 80,
                "µs", lower=True)
    for title, name in (("tail", "GetRecords tail x8/weir"), ("disk", "GetRecords disk x8/weir")):
        speed = read_mb(results[name])
        cold = "" if title == "tail" else " (cold)" if results[name]["cold"] else " (page cache)"
        table.value(f"GetRecords, 1,000 × 1 KiB a call, from the {title}{cold}", speed, f"{speed:.0f} MB/s", 400, 800, "MB/s")
    retained = results["fill"]["bytes"] / 2**30
    for title, name, least in (("idle", "memory idle", 60), (f"{retained:.1f} GiB retained", "memory retained", 256),
                               (f"{results['idle connections']:,} idle connections", "memory connections", 400)):
        size = results[name] / MB
        table.value(f"memory, {title}", size, f"{size:.0f} MB", least, least / 2, "MB", lower=True)
    for title, name, least, aim in (("empty", "start empty", 0.3, 0.1),
                                    (f"with {retained:.1f} GiB retained", "start retained", 1, 0.3)):
        table.value(f"start to first answer, {title}", results[name], f"{results[name]:.2f} s", least, aim, "s", lower=True)
    fleet_promises(table, results)
    return table.text()


def fleet_promises(table, results):
    if "PutRecord x64 fleet/files" not in results:
        return
    table.ratio("PutRecord through front end and node, on segment files, 64 connections, vs `weir serve`", "PutRecord x64 fleet",
                "files", "weir", 0.6, 0.6)
    lone, raw = results["PutRecord lone RADOS/fleet"], results["PutRecord lone RADOS/raw"]
    ratio = lone["p50_us"] / raw["p50_us"]
    table.value(f"one lone PutRecord on RADOS, p50, vs a raw guarded write of the same {raw['batch_bytes']:,} bytes "
                f"({raw['p50_us']:.0f} µs)", ratio, f"{lone['p50_us']:.0f} µs = {ratio:.2f} ×", 1.5, 1.5, "×", lower=True)
    many, raw = results["PutRecord x64 RADOS/fleet"], results["PutRecord x64 RADOS/raw"]
    share = 100 * many["batches_per_second"] / raw["per_second"]
    table.value(f"64 connections on RADOS, vs raw guarded writes of the same {raw['batch_bytes']:,} bytes on as many lanes "
                f"({raw['lanes']})", share, f"{share:.0f} %", 60, 60, "%")


def bounds(results):
    """Where the cores went: what bounds a figure on a machine on which everything runs side by side."""
    lines = []
    for name, result in results.items():
        if isinstance(result, dict) and "cores" in result:
            used = ", ".join(f"{what} {cores:.2f}" for what, cores in result["cores"].items())
            lines.append(f"| {name} | {used} |")
    if not lines:
        return ""
    return """
## Cores that were busy

Load generator, front end, node and engine share the machine. Where their sum is near its number of cores, these bound the figure.

| run | cores |
|---|---|
""" + "\n".join(lines) + "\n"


def latencies(results):
    lines = ["| run | per second | p50 µs | p99 µs | p99.9 µs | max µs |", "|---|---|---|---|---|---|"]
    for name, result in results.items():
        if isinstance(result, dict) and "p50_us" in result:
            rate = f"{result['per_second']:,.0f}" if "per_second" in result else ""
            lines.append(f"| {name} | {rate} | {result['p50_us']:,.0f} | {result['p99_us']:,.0f} | {result['p999_us']:,.0f} | "
                         f"{result['max_us']:,.0f} |")
    return "\n".join(lines)


def markdown(document):
    about = document["machine"]
    options = document["options"]
    return f"""# Performance

Written by `make bench`; do not edit. Everything ran on one machine, server and load generator side by side, over loopback.

{about['processor']}, {about['cores']} cores, {about['memory']}, Linux {about['kernel']}, {about['file system']}; commit {document['commit']},
{about['date']}. Median of {options['rounds']} interleaved rounds of {options['seconds']} s each.

## What must hold

{promises(document['results'])}

## All runs

`xN`: N connections, closed loop. `open`: a fixed rate, as a share of the closed loop's; latency counts from the moment a request was due, so that a
stall shows in full. `lone/fdatasync` is the disk alone: append 1 KiB, sync, again.

{latencies(document['results'])}
{bounds(document['results'])}
Per-second limits of Weir were off (`limits.enforce_rates=false`), all else at its defaults, signatures verified. kinesalite and kinesis-local keep
records in memory only. Redis ran with `appendfsync always`. nginx reads the request and answers a constant, and knows nothing more.
"""
