"""Readers of the annotation files of public data sets: file -> Truth."""
