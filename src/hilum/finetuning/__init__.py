"""Fine-tuning: supervised training of classifiers from an encoder and labelled images."""
