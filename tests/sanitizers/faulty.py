"""Calls a function of the faulty module in two threads.

usage: faulty.py FOLDER_OF_THE_MODULE FUNCTION
"""

import sys
from importlib import import_module
from threading import Thread

sys.path.insert(0, sys.argv[1])
function = getattr(import_module("faulty_module"), sys.argv[2])
threads = [Thread(target=function) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
