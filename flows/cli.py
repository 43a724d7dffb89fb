"""The command `launchgate`. Exit status: 0 promote, 1 reject, 2 the command or its inputs are wrong."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path  # noqa: TC003  typer reads annotations when the program runs
from typing import TYPE_CHECKING, Annotated

import typer

from flows.command import output
from flows.signals import orderly_stop
from tasks.core.errors import InputError
from tasks.core.records import RequestInputs, ServingProtocol, Target  # noqa: TC001  same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.core.verdicts import Decision

app = typer.Typer(
    name="launchgate", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Decide whether a PyTorch model goes live. Exit status: 0 promote, 1 reject, 2 wrong command or inputs.",
)  # fmt: skip

PolicyOption = Annotated[
    str | None,
    typer.Option("--policy", help="A policy's name or the path of a .yaml file; default: the candidate's own."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output and nothing else there.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show every gate and every sentence.")]
RunArgument = Annotated[str, typer.Argument(help="A run's id, the start of it, or its name.")]
CODES = {"promote": 0, "reject": 1}
WRONG = 2
INTERRUPTED = 130
SHORT_ID = 8


@app.command()
def launch(
    candidate: Annotated[Path, typer.Argument(help="The candidate's folder, with its candidate.yaml.")],
    policy: PolicyOption = None,
    target: Annotated[Target | None, typer.Option(help="Default: the policy's.")] = None,
    json: JsonOption = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show every gate and sentence, and Prefect's own log here too.")
    ] = False,
) -> None:
    """Measure a candidate, decide, record, and make it the champion if it passes."""
    with output.standard_output(json) as out:
        from flows.launch.inputs import check_inputs, hand_over, read_inputs

        asked = (str(candidate), policy, target)
        inputs = read_inputs(*asked)  # what is wrong in a file is told at once
        server = output.set_up_prefect(verbose)
        # Prefect's server takes seconds to start, in which inputs are checked and libraries imported
        from expectations.validate import load
        from infra.ledger.mlflow_ledger import open_ledger

        hand_over(check_inputs(*inputs, open_ledger()), *asked)
        load()
        from flows.launch.flow import launch as run

        server()
        decision = run(*asked)
        page = None
        with contextlib.suppress(Exception):  # the decision is told even if the ledger is not there any more
            page = open_ledger().url(decision.run_id)
        _finish(decision, out, json=json, verbose=verbose, url=page)


@app.command()
def judge(
    run: RunArgument, policy: PolicyOption = None, json: JsonOption = False, verbose: VerboseOption = False
) -> None:
    """Decide again on a run's recorded evidence, measuring nothing and moving nothing."""
    with output.standard_output(json) as out:
        from infra.ledger.mlflow_ledger import open_ledger
        from tasks.cost.projection import price
        from tasks.decision.decide import decide
        from tasks.decision.policy import load_policy, parse_policy

        ledger = open_ledger()
        run_id = ledger.find(run)
        recorded = ledger.load(run_id)
        bar = load_policy(policy) if policy else parse_policy(recorded.policy_text, recorded.decision.policy)
        command = f"launchgate judge {run_id[:SHORT_ID]}" + (f" --policy {policy}" if policy else "")
        decision = decide(price(recorded.evidence, bar.business), bar, run_id)
        _finish(decision, out, json=json, verbose=verbose, url=ledger.url(run_id), command=command)


@app.command()
def show(run: RunArgument, json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """Print the recorded decision of a run."""
    with output.standard_output(json) as out:
        from infra.ledger.mlflow_ledger import open_ledger
        from infra.ledger.sqlite_decision import read_decision

        ledger = open_ledger()
        decision = read_decision(ledger.tracking_uri, run) or ledger.load(ledger.find(run)).decision
        _finish(decision, out, json=json, verbose=verbose, url=ledger.url(decision.run_id))


@app.command()
def compare(
    run: RunArgument,
    other: Annotated[str, typer.Argument(help="The run to compare it with.")],
) -> None:
    """Print two runs side by side: gates that changed, and what differs in the forecasts."""
    from rich.console import Console

    from infra.ledger.mlflow_ledger import open_ledger
    from tasks.report.terminal_comparison import print_comparison

    ledger = open_ledger()
    one, two = (ledger.load(ledger.find(name)) for name in (run, other))
    print_comparison(one.decision, one.evidence, two.decision, two.evidence, Console())


@app.command()
def gates(json: JsonOption = False) -> None:
    """List every gate: what it decides and what it needs."""
    from flows.command.gates import list_gates

    listed = list_gates()
    if json:
        import orjson

        keyed = [gate._asdict() for gate in listed]
        sys.stdout.write(orjson.dumps(keyed, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("gate", "decides", "needs", "checklist"):
        table.add_column(heading, no_wrap=heading == "gate")
    for gate in listed:
        table.add_row(gate.gate, gate.decides, gate.needs, gate.checklist)
    Console().print(table)


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="The new candidate's name, and its folder under candidates/.")],
) -> None:
    """Make a new candidate folder that launches as it stands, with comments that say what to change."""
    from flows.command.starter import make_candidate

    folder = make_candidate(name)
    typer.echo(f"made {folder}\nlaunch it: launchgate launch {folder} --policy selftest")


@app.command()
def revalidate(
    model: Annotated[str, typer.Argument(help="The registered model's name.")],
    force: Annotated[bool, typer.Option("--force", help="Launch again even in an unchanged environment.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show every reason and change, and Prefect's own log here too.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Launch a model's champion again in the environment as it is now: keep or reject."""
    with output.standard_output(json) as out:
        output.set_up_prefect(verbose)()
        from flows.revalidate import revalidate as run

        verdict = run(model, force)
        if json:
            out.write(verdict.model_dump_json(indent=2) + "\n")
        else:
            from rich.console import Console

            from tasks.report.terminal_watch import print_revalidation

            print_revalidation(verdict, Console(), verbose=verbose)
    raise typer.Exit(0 if verdict.outcome == "keep" else 1)


@app.command()
def watch(
    model: Annotated[str, typer.Argument(help="The registered model's name.")],
    since: Annotated[
        str | None, typer.Option(help="Day or time (UTC) that the window starts at; default: the end of the launch's.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Day or time (UTC) that it ends at; default: now.")] = None,
    json: JsonOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show Prefect's own log here too.")] = False,
) -> None:
    """Hold production since the launch to what the launch promised: steady, alert or kill."""
    with output.standard_output(json) as out:
        output.set_up_prefect(verbose)()
        from flows.watch import watch as run

        verdict = run(model, since, until)
        if json:
            out.write(verdict.model_dump_json(indent=2) + "\n")
        else:
            from rich.console import Console

            from tasks.report.terminal_watch import print_watch

            print_watch(verdict, Console())
    raise typer.Exit(0 if verdict.outcome == "steady" else 1)


@app.command()
def probe(
    url: Annotated[str, typer.Argument(help="The server's address, without the protocol's own path.")],
    protocol: Annotated[
        ServingProtocol, typer.Option(help="mlflow: MLflow's scoring server; oip: Open Inference Protocol v2.")
    ],
    candidate: Annotated[
        Path | None, typer.Option(help="A candidate's folder: its production sample, adapter and policy.")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(help="A table to draw requests from; default: the candidate's production sample.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model's name on an oip server.")] = None,
    version: Annotated[str | None, typer.Option(help="Its version; default: the one that the server chooses.")] = None,
    inputs: Annotated[
        RequestInputs | None,
        typer.Option(help="What a request holds; default: columns for mlflow, what the model declares for oip."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Requests a second; default: the policy's forecast peak.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Of one run; up to two are made. Default: what p99 takes, at most the policy's load_seconds."
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds after which a request has no answer.")] = 10,
    header: Annotated[
        list[str] | None, typer.Option(help="A header of every request, as 'Name: value'; may be repeated.")
    ] = None,
    policy: PolicyOption = None,
    json: JsonOption = False,
) -> None:
    """Put a deployed endpoint under open-loop load and hold its latency to a policy; 0 within, 1 over or not known."""
    with output.standard_output(json) as out:
        from flows.command.probe import parse_headers
        from flows.command.probe import probe as run

        told = run(
            url, protocol, str(candidate) if candidate else None, rows, model, version, inputs, rate, seconds, policy,
            timeout, parse_headers(header or []),
        )  # fmt: skip
        if json:
            out.write(told.model_dump_json(indent=2) + "\n")
        else:
            from rich.console import Console

            from tasks.report.terminal_endpoint import print_probe

            print_probe(told, Console())
    raise typer.Exit(0 if told.result.outcome == "pass" else 1)


@app.command()
def ui(
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow's UI; 0 for a free one.")] = 5000,
    prefect_port: Annotated[int, typer.Option(help="Port of Prefect's server; 0 for a free one.")] = 4200,
) -> None:
    """Start MLflow's UI and Prefect's server on loopback, print their addresses, and stop both on Ctrl-C."""
    from flows.command.servers import serve_pages

    serve_pages(mlflow_port, prefect_port)


@app.command()
def selftest(
    only: Annotated[list[str] | None, typer.Option("--gate", help="Only this gate; may be repeated.")] = None,
    json: JsonOption = False,
) -> None:
    """Launch planted failures and their clean twins, and say which gate caught what."""
    with output.standard_output(json) as out:
        output.set_up_prefect(verbose=False)()
        from flows.command.selftest import selftest as run

        raise typer.Exit(run(only, json, out))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake is one message on standard error and exit status 2."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    given = list(arguments) if arguments is not None else None
    try:
        with orderly_stop():
            code = app(given, prog_name="launchgate", standalone_mode=False)
    except InputError as error:
        raise SystemExit(_complain(str(error))) from None
    except typer.TyperException as error:
        raise SystemExit(_complain_of_usage(error)) from None
    except Exception as error:
        trace = output.keep_trace(error)
        raise SystemExit(_complain(f"{type(error).__name__}: {error}; {trace}")) from error
    if code == INTERRUPTED:
        typer.echo("stopped; an unfinished launch promotes nothing, and what it recorded is kept", err=True)
    raise SystemExit(code if isinstance(code, int) else 0)


def _finish(
    decision: Decision,
    out: output.Writer,
    *,
    json: bool,
    verbose: bool,
    url: str | None,
    command: str | None = None,
) -> None:
    """Print the decision and leave with its exit status.

    A `command` that decided anew has no report; without one the decision is the recorded one, which `show` prints again.
    """
    if json:
        out.write(decision.model_dump_json(indent=2, by_alias=True) + "\n")
    else:
        from rich.console import Console

        from tasks.core.store import home
        from tasks.report.terminal import print_decision

        page = home() / "runs" / decision.run_id / "report.html"
        report = page if command is None and page.exists() else None
        again = command or f"launchgate show {decision.run_id[:SHORT_ID]}"
        print_decision(decision, Console(), report=report, url=url, command=again, verbose=verbose)
    raise typer.Exit(CODES[decision.outcome])


def _complain(message: str) -> int:
    typer.echo(f"launchgate: {message}", err=True)
    return WRONG


def _complain_of_usage(error: typer.TyperException) -> int:
    """Say what is wrong with the command line; without any argument, the help was printed and says enough."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "launchgate"
    message = error.format_message().removesuffix(".").replace("Value error, ", "")
    return _complain(f"{message[0].lower()}{message[1:]}; see {path} --help") if message else WRONG


if __name__ == "__main__":
    main()
