"""Datasets: named values that nodes write, stored as files and committed by the manifest of their node.

``store`` writes and reads them, ``manifest`` is the commit, ``serializers`` choose how a type is stored,
``preview`` looks at one without loading it.
"""
