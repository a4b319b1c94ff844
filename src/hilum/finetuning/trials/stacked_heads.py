"""Stacked heads of many trials: each layer of all heads is one matrix product."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from hilum.data.batches import Batch
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.trials.members import LockstepTrial
from hilum.training.optim import create_optimizer, learning_rate_factor
from hilum.training.settings import TrainingSettings
from hilum.training.step import step_seed
from hilum.training.trainable import Trainable

INFERENCE_BATCH_SIZE = 256
"""Images in one batch of inference."""


class StackedHeads:
    """Heads with the same layers on the same features; learning rate, decay, dropout and length are of each trial.

    Every member keeps its head as a module whose parameters are views of the stacks, so optimisers and `state_dict`
    work as usual. Members are sorted by dropout: equal rates have equal masks (functions of seed, step and rate), so
    the first layer of such members is one product with the same images.

    Args:
        members: `stackable` members, with one kind of head and of optimiser.
        seed: Random seed of the run.
        steps_per_epoch: Steps of an epoch.
    """

    def __init__(self, members: Sequence[LockstepTrial], seed: int, steps_per_epoch: int) -> None:
        self.members = sorted(members, key=lambda member: member.settings.dropout)
        self.seed, self.steps_per_epoch = seed, steps_per_epoch
        self.classifier = classifier_of(members[0])
        self._stack()
        self._optimize()

    def _stack(self) -> None:
        heads = [layers_of(classifier_of(member)) for member in self.members]
        self.layers = heads[0]
        rates = [member.settings.dropout for member in self.members]
        self.rates = sorted(set(rates))
        self.runs = [rates.count(rate) for rate in self.rates]
        linears = [place for place, layer in enumerate(self.layers) if isinstance(layer, nn.Linear)]
        self.weights: dict[int, list[Tensor]] = {}
        self.biases: dict[int, list[Tensor]] = {}
        self.views: list[tuple[Tensor, list[nn.Parameter]]] = []
        for place in linears:
            parts = self.runs if place == linears[0] else [len(heads)]
            own = [head[place] for head in heads]
            self.weights[place] = self._stacked([layer.weight for layer in own], parts)  # type: ignore[misc]
            self.biases[place] = self._stacked([layer.bias for layer in own], parts)  # type: ignore[misc]

    def _stacked(self, parameters: list[nn.Parameter], parts: list[int]) -> list[Tensor]:
        stacks = []
        for first, count in zip(_starts(parts), parts, strict=True):
            some = parameters[first : first + count]
            stack = torch.stack([parameter.detach() for parameter in some])
            for parameter, view in zip(some, stack.unbind(0), strict=True):
                parameter.data = view
            self.views.append((stack.requires_grad_(), some))
            stacks.append(stack)
        return stacks

    def _optimize(self) -> None:
        before = getattr(self, "optimizer", None)
        self.optimizer = create_optimizer(_Together(self.members), self.members[0].training)
        if before is not None:
            for member in self.members:
                for parameter in member.parameters:
                    self.optimizer.state[parameter] = before.state[parameter]

    def drop_ended(self) -> None:
        """Remove members that have ended."""
        running = [member for member in self.members if member.status == "running"]
        if len(running) == len(self.members):
            return
        self.members = running
        if running:
            self._stack()
            self._optimize()

    def take(self, features: Tensor, batch: Batch, epoch: int, step: int) -> Tensor:
        """Take one step of every member.

        Args:
            features: Features of the batch, (B, width).
            batch: Batch of these images.
            epoch: Epoch, from 0.
            step: Step of the epoch, from 0.

        Returns:
            Loss of each of `members` before the step, (members,), on its device.
        """
        taken = epoch * self.steps_per_epoch + step
        self._set_rates(taken)
        losses: Tensor = torch.func.vmap(lambda outputs: self.classifier.mean_loss_of_outputs(outputs, batch))(
            self.outputs(features.float(), self._masks(features, step_seed(self.seed, taken)))
        )
        for stack, _ in self.views:
            stack.grad = None
        losses.sum().backward()  # type: ignore[no-untyped-call]
        for stack, parameters in self.views:
            assert stack.grad is not None
            for parameter, gradient in zip(parameters, stack.grad.unbind(0), strict=True):
                parameter.grad = gradient
        self.optimizer.step()
        return losses.detach()

    def outputs(self, features: Tensor, masks: list[list[Tensor]] | None = None) -> Tensor:
        """Compute the outputs of all heads, (members, B, outputs).

        Args:
            features: (B, width) float32.
            masks: For each dropout rate one mask for each dropout layer; None outside training.
        """
        dropouts = -1
        hidden: Tensor | None = None  # (members, width, B)
        dropped = [features.T] * len(self.rates)
        for place, layer in enumerate(self.layers):
            if isinstance(layer, nn.Dropout):
                dropouts += 1
                if masks is None:
                    continue
                if hidden is None:
                    dropped = [(features * mask[dropouts]).T for mask in masks]
                else:
                    hidden = hidden * torch.cat(
                        [mask[dropouts].T.expand(run, -1, -1) for mask, run in zip(masks, self.runs, strict=True)]
                    )
            elif isinstance(layer, nn.ReLU):
                assert hidden is not None
                hidden = hidden.relu()
            elif hidden is None:
                products = [
                    _product(weight, bias, images)
                    for weight, bias, images in zip(self.weights[place], self.biases[place], dropped, strict=True)
                ]
                hidden = torch.cat(products)
            else:
                hidden = torch.baddbmm(self.biases[place][0][:, :, None], self.weights[place][0], hidden)
        assert hidden is not None
        return hidden.transpose(1, 2)

    @torch.no_grad()
    def validation_losses(self, features: Tensor, targets: Tensor) -> tuple[list[float], float]:
        """Compute the sum of the loss of each member, and the number of terms.

        Args:
            features: Features of the images, (N, width).
            targets: (N, findings), NaN where masked.
        """
        sums, terms = torch.zeros(len(self.members), dtype=torch.float64, device=features.device), 0.0
        output_type, weights = self.classifier.output_type, self.classifier.positive_weights
        for some, known in zip(
            torch.split(features, INFERENCE_BATCH_SIZE), torch.split(targets, INFERENCE_BATCH_SIZE), strict=True
        ):
            outputs = self.outputs(some.float())
            sums += torch.func.vmap(lambda out, known=known: output_type.loss(out, known, weights)[0])(outputs)
            terms += float(output_type.terms(known, weights))
        return sums.tolist(), terms

    def lr(self, member: LockstepTrial) -> float:
        """Return the learning rate of a member's first parameter group at the last step."""
        first = member.trainable.parameter_groups(member.training)[0].get("lr", member.training.lr)
        return float(first) * self._share(
            member, member.train_state.epoch * self.steps_per_epoch + member.train_state.step - 1
        )

    def _share(self, member: LockstepTrial, step: int) -> float:
        return member.train_state.plateau.share * learning_rate_factor(step, self.steps_per_epoch, member.training)

    def _set_rates(self, step: int) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * self._share(self.members[group["member"]], step)

    def _masks(self, features: Tensor, seed: int) -> list[list[Tensor]]:
        """Draw dropout masks as a single head would, from the generator seeded by the step."""
        widths = [features.shape[1]]
        masks = []
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                widths.append(layer.out_features)
            elif isinstance(layer, nn.Dropout):
                masks.append(widths[-1])
        drawn = []
        for rate in self.rates:
            torch.manual_seed(seed)
            drawn.append([F.dropout(features.new_ones(len(features), width).float(), rate) for width in masks])
        return drawn


class _Together(Trainable):
    """Several members as one module; parameters are grouped by optimiser settings."""

    def __init__(self, members: Sequence[LockstepTrial]) -> None:
        super().__init__()
        self.heads = nn.ModuleList([classifier_of(member).head for member in members])
        self.members = members

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return the parameter groups of all members; `member` is the index of one with the group's learning rate."""
        groups: dict[tuple[Any, ...], dict[str, Any]] = {}
        for place, member in enumerate(self.members):
            training = member.training
            train_state = (training.schedule, training.warmup_epochs, training.epochs)
            own = place if training.schedule == "plateau" else -1
            for group in member.trainable.parameter_groups(training):
                lr = group.get("lr", training.lr)
                key = (lr, group["weight_decay"], group.get("decays"), train_state, own)
                joined = groups.setdefault(key, {**group, "lr": lr, "member": place, "params": []})
                joined["params"].extend(group["params"])
        return list(groups.values())


def classifier_of(member: LockstepTrial) -> Classifier:
    """Return the classifier of a member."""
    return next(module for module in member.trainable.modules() if isinstance(module, Classifier))


def layers_of(classifier: Classifier) -> list[nn.Module]:
    """Return the layers after pooling, in order: the dropout before the head, and the head's layers."""
    head = classifier.head
    return [classifier.dropout, *(head if isinstance(head, nn.Sequential) else [head])]


def stackable(member: LockstepTrial) -> bool:
    """Return True where a member's head can be stacked: fixed features, plain layers and usual training settings."""
    classifier, training = classifier_of(member), member.training
    plain = all(
        isinstance(layer, nn.ReLU)
        or (isinstance(layer, nn.Dropout) and layer.p == member.settings.dropout)
        or (isinstance(layer, nn.Linear) and layer.bias is not None)
        for layer in layers_of(classifier)
    )
    usual = (
        training.clip_grad_norm is None
        and training.weight_decay_end is None
        and training.gradient_accumulation_steps == 1
        and training.freeze_encoder_steps == 0
        and training.precision != "fp16"
    )
    return classifier.features_are_fixed and plain and usual


def _product(weight: Tensor, bias: Tensor, images: Tensor) -> Tensor:
    """Compute one layer of M heads: weight (M, out, width), bias (M, out), images (width, B) to (M, out, B)."""
    product = torch.addmm(bias.flatten()[:, None], weight.flatten(0, 1), images)
    return product.view(*weight.shape[:2], images.shape[1])


def _starts(counts: Sequence[int]) -> list[int]:
    return [sum(counts[:place]) for place in range(len(counts))]
