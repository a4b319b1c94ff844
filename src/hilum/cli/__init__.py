"""Command-line interface. Heavy libraries are imported inside the commands, so that `hilum --help` is fast."""

import sys
from typing import Annotated

import typer

from hilum.cli.augmentations import augmentations
from hilum.cli.compare import compare
from hilum.cli.data import data_app
from hilum.cli.demo import demo
from hilum.cli.doctor import doctor
from hilum.cli.embed import embed
from hilum.cli.encoders import encoders
from hilum.cli.evaluate import evaluate
from hilum.cli.explain import explain
from hilum.cli.export import export
from hilum.cli.external_validation import external_validation
from hilum.cli.findings import findings
from hilum.cli.finetune import finetune
from hilum.cli.ingest import ingest
from hilum.cli.label_issues import label_issues
from hilum.cli.package import package
from hilum.cli.phantom import phantom
from hilum.cli.power import power
from hilum.cli.predict import predict
from hilum.cli.pretrain import pretrain
from hilum.cli.preview import preview
from hilum.cli.probe import probe
from hilum.cli.renamed import refuse_old_names
from hilum.cli.report import report
from hilum.cli.serve import serve
from hilum.cli.study import study_app
from hilum.cli.weights import weights_app
from hilum.errors import HilumError

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


def make_app() -> typer.Typer:
    """Create the application, with commands in the order of a typical workflow."""
    app = typer.Typer(
        name="hilum",
        help="Which pretraining should I use on my chest radiographs, and is the gain real?\n\n"
        "Start with `hilum demo`: a complete comparison on synthetic radiographs, in minutes.",
        no_args_is_help=True,
        rich_markup_mode=None,  # importing rich takes longer than everything else
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )
    app.callback()(_version_option)
    app.command()(demo)
    app.command()(phantom)
    app.add_typer(data_app(), name="data")
    app.command()(findings)
    app.command()(ingest)
    app.command()(doctor)
    app.command()(preview)
    app.command()(augmentations)
    app.command()(encoders)
    app.add_typer(weights_app(), name="weights")
    app.command()(pretrain)
    app.command()(probe)
    app.command()(finetune)
    app.add_typer(study_app(), name="study")
    app.command()(package)
    app.command()(predict)
    app.command()(export)
    app.command()(serve)
    app.command()(evaluate)
    app.command()(compare)
    app.command()(external_validation)
    app.command()(explain)
    app.command()(embed)
    app.command()(power)
    app.command()(report)
    app.command()(label_issues)
    return app


def main() -> None:
    """Run the command line; print errors that a user can fix without a traceback."""
    try:
        refuse_old_names(sys.argv[1:])
        make_app()()
    except HilumError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_USER_ERROR) from None
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. Run the same command again to resume.\n")
        raise SystemExit(EXIT_INTERRUPTED) from None


def _show_version(wanted: bool) -> None:
    if wanted:
        from hilum import __version__

        typer.echo(f"hilum {__version__}")
        raise typer.Exit


def _version_option(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Set options of the program itself."""
