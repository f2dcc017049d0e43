//! Reading, writing, making and freeing an object, one operation at a time.

use anyhow::{Context, Result, ensure};
use bifrost_rpc::memory::{GlobalMemory, MemoryStatus, Pointer};

use super::Operation;
use crate::random::Random;
use crate::task::Task;
use crate::watchdog::Aborter;
use crate::workload::check_bytes;

/// What is timed of `operation`, on objects of `size` bytes.
pub(super) fn task(operation: Operation, memory: GlobalMemory, size: usize) -> Result<Box<dyn Task>> {
    let subject = |memory: GlobalMemory| -> Result<Subject> {
        let object = memory.alloc(size as u64)?;
        Ok(Subject { memory, object, data: vec![0; size] })
    };
    Ok(match operation {
        Operation::Read => Box::new(Read { subject: subject(memory)?, got: Vec::new() }),
        Operation::Write => Box::new(Write { subject: subject(memory)?, given: Vec::new() }),
        Operation::AllocWrite => Box::new(AllocWrite { memory, data: vec![0; size], given: Vec::new(), object: None }),
        Operation::Free => Box::new(Free { memory, data: vec![0; size], object: None }),
    })
}

/// An object that lives as long as the task.
#[derive(Debug)]
struct Subject {
    memory: GlobalMemory,
    object: Pointer,
    data: Vec<u8>,
}

impl Subject {
    fn draw(&mut self, random: &mut Random) {
        self.data = random.bytes(self.data.len());
    }
}

/// The buffer that is read into is used again, as a program that reads often does.
#[derive(Debug)]
struct Read {
    subject: Subject,
    got: Vec<u8>,
}

impl Task for Read {
    fn prepare(&mut self, random: &mut Random) -> Result<()> {
        self.subject.draw(random);
        let Subject { memory, object, data } = &self.subject;
        Ok(memory.write(*object, 0, data.clone())?)
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        let Subject { memory, object, data } = &self.subject;
        Ok(memory.read_into(*object, 0, data.len() as u64, &mut self.got)?)
    }

    fn check(&mut self) -> Result<()> {
        check_bytes(&self.got, &self.subject.data)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}

#[derive(Debug)]
struct Write {
    subject: Subject,
    given: Vec<u8>,
}

impl Task for Write {
    fn prepare(&mut self, random: &mut Random) -> Result<()> {
        self.subject.draw(random);
        self.given = self.subject.data.clone();
        Ok(())
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        let Subject { memory, object, .. } = &self.subject;
        Ok(memory.write(*object, 0, std::mem::take(&mut self.given))?)
    }

    fn check(&mut self) -> Result<()> {
        let Subject { memory, object, data } = &self.subject;
        check_bytes(&memory.read(*object, 0, data.len() as u64)?, data)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}

#[derive(Debug)]
struct AllocWrite {
    memory: GlobalMemory,
    data: Vec<u8>,
    given: Vec<u8>,
    object: Option<Pointer>,
}

impl Task for AllocWrite {
    fn prepare(&mut self, random: &mut Random) -> Result<()> {
        self.data = random.bytes(self.data.len());
        self.given = self.data.clone();
        Ok(())
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        self.object = Some(self.memory.alloc_and_write(std::mem::take(&mut self.given))?);
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let object = self.object.take().context("no object was made")?;
        check_bytes(&self.memory.read(object, 0, self.data.len() as u64)?, &self.data)?;
        Ok(self.memory.free(object)?)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}

#[derive(Debug)]
struct Free {
    memory: GlobalMemory,
    data: Vec<u8>,
    object: Option<Pointer>,
}

impl Task for Free {
    fn prepare(&mut self, random: &mut Random) -> Result<()> {
        self.object = Some(self.memory.alloc_and_write(random.bytes(self.data.len()))?);
        Ok(())
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        Ok(self.memory.free(self.object.context("no object was made")?)?)
    }

    fn check(&mut self) -> Result<()> {
        let object = self.object.take().context("no object was made")?;
        let status = self.memory.read(object, 0, 1).err().and_then(|error| error.status());
        ensure!(status == Some(MemoryStatus::NoObject), "a freed object can be read: {status:?}");
        Ok(())
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}
